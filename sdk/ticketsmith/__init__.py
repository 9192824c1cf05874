"""TicketSmith: find sparse subnetworks that keep the dense model's quality, and say what they really save."""

from .foreign import keep_out

keep_out(__name__)
__version__ = "0.1.0"
