"""`python -m ticketsmith.report` is `ticketsmith report`."""

import sys

from ..cli import main

main(["report", *sys.argv[1:]])
