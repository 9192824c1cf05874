"""`python -m ticketsmith` is `ticketsmith`."""

from .cli import main

main()
