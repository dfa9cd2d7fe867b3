"""One folder for each kind of source; they do not know each other and are found by entry points only."""
