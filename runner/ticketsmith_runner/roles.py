"""Roles of a record: what a replicate used an example for."""

PADDING, VALIDATION, TEST = 0, 1, 2
