"""Data on standard output, for programs: one JSON document, with the number of its schema."""

import json
from collections.abc import Mapping
from typing import Any

import typer


def tell(kind: str, document: Mapping[str, Any], number: int = 1) -> None:
    """Print a document. The number changes when a field is taken away or means something else."""
    typer.echo(json.dumps({"schema": f"ticketsmith.{kind}/{number}", **document}, indent=2))
