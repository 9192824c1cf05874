"""Inference benchmarks of a finished run: `ticketsmith benchmark`."""

import sys

from .cli import main

if __name__ == "__main__":
    main(["benchmark", *sys.argv[1:]])
