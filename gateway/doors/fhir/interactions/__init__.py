"""One interaction a file: what is asked -> Reply."""
