"""TicketSmith: find sparse subnetworks that keep the dense model's quality, and say what they really save."""

__version__ = "0.1.0"
