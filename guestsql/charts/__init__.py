"""Charts of a query's rows: the mark in its comment, a Vega-Lite specification, and pictures without any network."""
