"""Sparse products in whole numbers: weights of 8 bits, inputs of 7 bits, sums of 32 bits, which are exact.

A row of inputs is measured as it comes: its range, which holds zero, is 127 steps; so a row does not depend on others.
Every kernel, for whatever instructions, puts out the same bytes as `numerics`.
"""
