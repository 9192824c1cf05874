"""`ticketsmith task check`: a file for each part of a task that is looked at, `examine.py` for all of them."""
