"""One folder for each standard front door: parse requests into questions, render released answers."""
