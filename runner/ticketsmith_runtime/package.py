"""A ticket package: manifest.json, weights.safetensors and perhaps tokenizer.json, in a folder or a zip. Data only:
nothing in it is executed.

Every byte is checked before it is used: names, sizes against the manifest before anything is read, digests, finite
values. What fails is a BadPackage.
"""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.numpy

from . import graph_form, network_form, raw, tokenizer, vocabulary
from . import manifest as words
from .archive import MANIFEST, TOKENIZER, WEIGHTS, BadPackage, Folder, Zip, bad
from .graph import Graph
from .network import Network
from .raw import Classes, Scaling
from .seal import has_seal, sealed
from .tensors import checked, digest
from .tokenizer import Tokenizer
from .vocabulary import Vocabulary

__all__ = ["MANIFEST", "WEIGHTS", "BadPackage", "Measured", "Ticket", "read", "write"]

FORMS: dict[str, Any] = {form.FORMAT: form for form in (graph_form, network_form)}
"""What a package may hold: described in its manifest, with tensors beside."""
LARGEST_MANIFEST = 1 << 22
"""Bytes."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The back-end that was chosen at a batch size."""

    batch: int
    backend: str
    seconds: float
    """Median latency of a call."""
    ratio: float
    """To the best dense fp32 back-end; 1 where that is the one chosen."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """The content of a package."""

    graph: Graph | Network
    measured: list[Measured] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)
    """The place of the measurement: CPU, versions, date."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Run, spec, data, version, replicate, sparsity, verdict."""
    sealed: bool = True
    """Did the manifest carry its digest? One that was written before there were digests did not."""
    vocabulary: Vocabulary | Tokenizer | None = None
    """Text for the tokens of a network."""
    scaling: Scaling | None = None
    """From raw numbers to those of the network's input."""
    classes: Classes | None = None
    """Names of its outputs."""


def write(path: Path, ticket: Ticket) -> None:
    """A zip, the same bytes for the same ticket. Raises FileExistsError: nothing is overwritten."""
    form = FORMS[graph_form.FORMAT if isinstance(ticket.graph, Graph) else network_form.FORMAT]
    tensors = form.tensors(ticket.graph)
    manifest = {
        "format": form.FORMAT,
        **form.described(ticket.graph),
        "tensors": {name: digest(tensor) for name, tensor in tensors.items()},
        "measured": [vars(row) for row in ticket.measured],
        "machine": ticket.machine,
        "provenance": ticket.provenance,
        **raw.described(ticket.scaling, ticket.classes),
    }
    files = {}
    if isinstance(text := ticket.vocabulary, Vocabulary):
        manifest["vocabulary"] = text.words
    elif text is not None:
        manifest["tokenizer"], files[TOKENIZER] = tokenizer.described(text), text.content
    files |= {MANIFEST: _json(sealed(manifest)), WEIGHTS: safetensors.numpy.save(tensors)}
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content)  # its date is 1980, whatever day it is


def read(path: Path) -> Ticket:
    """The package in a folder or a zip. Raises BadPackage."""
    source = Folder(path) if path.is_dir() else Zip(path)
    manifest = words.parsed(source.read(MANIFEST, LARGEST_MANIFEST), FORMS)
    seal = has_seal(manifest)
    form = FORMS[manifest["format"]]
    empty, expected = form.skeleton(manifest)
    source.only(MANIFEST, WEIGHTS, *([TOKENIZER] if "tokenizer" in manifest else []))
    text = tokenizer.read(manifest, source, empty) or vocabulary.read(manifest, empty)
    scaling, classes = raw.read(manifest, empty)
    tensors = checked(source, expected, manifest.get("tensors"))
    return Ticket(
        graph=form.filled(empty, tensors),
        measured=[_row(entry) for entry in words.entries_of(manifest, "measured", least=0)],
        machine=words.mapping(manifest, "machine"),
        provenance=words.mapping(manifest, "provenance"),
        sealed=seal,
        vocabulary=text,
        scaling=scaling,
        classes=classes,
    )


def _row(entry: Any) -> Measured:
    if not isinstance(entry, dict) or entry.keys() != {"batch", "backend", "seconds", "ratio"}:
        bad(MANIFEST, "a measurement has other fields than batch, backend, seconds, ratio")
    row = Measured(**entry)
    numbers = (row.batch, row.seconds, row.ratio)
    if type(row.batch) is not int or not isinstance(row.backend, str) or not all(words.positive(n) for n in numbers):
        bad(MANIFEST, "a measurement is not made of positive numbers and a name")
    return row


def fastest(measured: Sequence[Measured], batch: int) -> str:
    """The back-end that takes least time, if a call of a measured size is made as often as is needed.

    >>> rows = [Measured(batch=1, backend="pell", seconds=2.0, ratio=3.0)]
    >>> rows += [Measured(batch=16, backend="codegen", seconds=9.0, ratio=3.0)]
    >>> [fastest(rows, batch) for batch in (1, 4, 5, 16, 100)]
    ['pell', 'pell', 'codegen', 'codegen', 'codegen']
    """
    return min(measured, key=lambda row: -(-batch // row.batch) * row.seconds).backend


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=2, sort_keys=True, allow_nan=False).encode()
