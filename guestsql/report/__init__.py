"""The report: dashboards of queries as one HTML file, and single charts as files. Needs the extra `pages`."""
