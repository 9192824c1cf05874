"""Runs steps: torch lives here and nowhere else. Started as `python -m ticketsmith_runner`, by a laptop or by a pod."""

import time

from ticketsmith.foreign import keep_out

from .telemetry import off

keep_out(__name__)
off()
BEGAN = time.monotonic()
"""When this process came here, which is before the seconds that it takes to import torch."""
