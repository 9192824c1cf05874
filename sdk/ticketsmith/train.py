"""Standard dense training: `ticketsmith run dense`."""

import sys

from .cli import main

if __name__ == "__main__":
    main(["run", "dense", *sys.argv[1:]])
