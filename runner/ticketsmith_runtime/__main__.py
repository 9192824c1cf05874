"""`python -m ticketsmith_runtime verify my.ticket`: hashes and numbers. `explain`: what would run here, and why.

Exit codes: 0; 2 for wrong usage; 5 if the package is damaged; 70 if a back-end gives other numbers than the weights.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .graph import Graph
from .model import Model, load
from .network_model import NetworkModel
from .package import BadPackage
from .seal import UNSEALED
from .verification import Unequal, verify

UNEQUAL, DAMAGED = 70, 5  # 1 is what Python ends with when it dies


def main(argv: Sequence[str] | None = None) -> int:
    """Run what `argv` says."""
    parser = argparse.ArgumentParser(prog="ticketsmith_runtime", description=__doc__)
    parser.add_argument("command", choices=("verify", "explain"))
    parser.add_argument("package", type=Path, help="folder or zip")
    options = parser.parse_args(argv)
    try:
        model = load(options.package)
        print("\n".join(_verified(model)) if options.command == "verify" else model.explain())
    except BadPackage as error:
        print(f"error: {options.package}: {error}\n  fix: pack it again with `ticketsmith pack`", file=sys.stderr)
        return DAMAGED
    except Unequal as error:
        print(f"error: {options.package}: {error}\n  fix: report it, with `explain`", file=sys.stderr)
        return UNEQUAL
    return 0


def _verified(model: Model | NetworkModel) -> list[str]:
    differences = verify(model)
    return [
        f"{_described(model)}: digests and sizes are right",
        *([] if model.ticket.sealed else [UNSEALED]),
        *(f"{name}: equal to the weights within {worst:.1e} of the outputs" for name, worst in differences.items()),
    ]


def _described(model: Model | NetworkModel) -> str:
    if isinstance(model, NetworkModel):
        return f"{len(model.network.nodes)} operators, {sum(kept for _, kept in model.network.counted()):,} weights"
    graph = model.ticket.graph
    assert isinstance(graph, Graph)
    kept = sum(layer.kept for layer in graph.layers())
    return f"{' -> '.join(str(shape) for shape in graph.shapes())}, {kept:,} weights"


if __name__ == "__main__":
    sys.exit(main())
