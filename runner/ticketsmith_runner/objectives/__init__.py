"""Objectives that several tasks share, and what their records say besides score and loss."""
