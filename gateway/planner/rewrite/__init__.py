"""Small rewriters of a condition, one a file; each takes a condition and gives an equal one for one source."""
