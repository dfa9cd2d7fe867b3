"""Speed and size as ratios in one run: `make bench`. Absolute times are shown only to make a ratio readable."""
