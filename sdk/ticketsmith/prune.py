"""The iterative pruning loop: `ticketsmith run imp`."""

import sys

from .cli import main

if __name__ == "__main__":
    main(["run", "imp", *sys.argv[1:]])
