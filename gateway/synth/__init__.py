"""Synthetic registries: one seeded truth table, rendered in every format this project reads."""
