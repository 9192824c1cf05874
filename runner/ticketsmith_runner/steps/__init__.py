"""Turns one step into artifacts: one file per kind of step."""
