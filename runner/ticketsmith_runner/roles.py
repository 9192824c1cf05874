"""What an example is for in the records of a replicate."""

PADDING, VALIDATION, TEST = 0, 1, 2
