"""Runs steps: torch lives here and nowhere else. Started as `python -m ticketsmith_runner`, by a laptop or by a pod."""
