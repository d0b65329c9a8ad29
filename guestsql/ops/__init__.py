"""The operator's tools: doctor, health, gauges and monitor."""
