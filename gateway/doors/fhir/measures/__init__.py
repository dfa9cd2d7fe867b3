"""Aggregates: the measures of this door, their evaluation and the MeasureReport."""
