"""The committed templates, parsed; and every pod and tag in them."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

RENDERED = Path(__file__).parents[2] / "argo" / "base" / "rendered"
FILES = sorted(path for path in RENDERED.glob("*/*.yaml") if path.name != "kustomization.yaml")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # as safe, and ten times as fast
Document = dict[str, Any]


@pytest.fixture(params=FILES, ids=lambda path: path.relative_to(RENDERED).with_suffix("").as_posix())
def template(request: pytest.FixtureRequest) -> Document:
    """Each template of each profile in turn."""
    return read(request.param)


@cache
def read(path: Path) -> Document:
    """Parsed once; a test that changes it takes a copy."""
    document: Document = yaml.load(path.read_text(), LOADER)
    return document


def pods(document: Document) -> Iterator[Document]:
    yield from (each for each in document["spec"]["templates"] if "container" in each)


def strings(node: Any) -> Iterator[str]:
    """Every string in a document, keys aside."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
