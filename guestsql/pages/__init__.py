"""Pages: `guestsql serve` shows each query of the catalogue from its file and the server alone."""
