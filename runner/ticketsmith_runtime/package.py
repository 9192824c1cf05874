"""A ticket package: manifest.json and weights.safetensors, in a folder or a zip. Data only: nothing in it is executed.

Every byte is checked before it is used: names, sizes against the manifest before anything is read, digests, finite
values. What fails is a BadPackage.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from . import manifest as words
from .archive import MANIFEST, WEIGHTS, BadPackage, Folder, Zip, bad
from .chain import Layer
from .graph import Conv, Graph
from .seal import has_seal, sealed

__all__ = ["MANIFEST", "WEIGHTS", "BadPackage", "Measured", "Ticket", "read", "write"]

LARGEST_MANIFEST = HEADER = 1 << 20
"""Bytes, of the manifest and of what safetensors writes before the tensors."""


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

    graph: Graph
    measured: list[Measured] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)
    """The place of the measurement: CPU, versions, date."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Run, spec, data, version, replicate, sparsity, verdict."""
    sealed: bool = True
    """Did the manifest carry its digest? One that was written before there were digests did not."""


def write(path: Path, ticket: Ticket) -> None:
    """A zip, the same bytes for the same ticket. Raises FileExistsError: nothing is overwritten."""
    layers = _layers(ticket.graph)
    tensors = {name: tensor for n, layer in layers.items() for name, tensor in _tensors(n, layer).items()}
    manifest = {
        "format": words.FORMAT,
        **words.described(ticket.graph),
        "tensors": {name: _digest(tensor) for name, tensor in tensors.items()},
        "measured": [vars(row) for row in ticket.measured],
        "machine": ticket.machine,
        "provenance": ticket.provenance,
    }
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        for name, content in ((MANIFEST, _json(sealed(manifest))), (WEIGHTS, safetensors.numpy.save(tensors))):
            archive.writestr(zipfile.ZipInfo(name), content)  # its date is 1980, whatever day it is


def read(path: Path) -> Ticket:
    """The package in a folder or a zip. Raises BadPackage."""
    source = Folder(path) if path.is_dir() else Zip(path)
    manifest = words.parsed(source.read(MANIFEST, LARGEST_MANIFEST))
    seal = has_seal(manifest)
    empty, kept = words.skeleton(manifest)
    tensors = _checked_tensors(source, _layers(empty), kept, manifest.get("tensors"))
    nodes = [
        replace(node, layer=_layer(node.layer, n, tensors)) if isinstance(node, Conv) else node
        for n, node in enumerate(empty.nodes)
    ]
    return Ticket(
        graph=Graph(empty.inputs, nodes),
        measured=[_row(entry) for entry in words.entries_of(manifest, "measured", least=0)],
        machine=words.mapping(manifest, "machine"),
        provenance=words.mapping(manifest, "provenance"),
        sealed=seal,
    )


def _layers(graph: Graph) -> dict[int, Layer]:
    """By node."""
    return {n: node.layer for n, node in enumerate(graph.nodes) if isinstance(node, Conv)}


def _tensors(n: int, layer: Layer) -> dict[str, NDArray[Any]]:
    """Kept values row by row, the mask as bits, the biases."""
    return {
        f"{n}.values": layer.weight_OI[layer.alive_OI].astype(np.float32),
        f"{n}.mask": np.packbits(layer.alive_OI),
        f"{n}.bias": np.ascontiguousarray(layer.bias_O, np.float32),
    }


def _layer(empty: Layer, n: int, tensors: Mapping[str, NDArray[Any]]) -> Layer:
    count = empty.weight_OI.size
    bits, values = np.unpackbits(tensors[f"{n}.mask"]), tensors[f"{n}.values"]
    if bits[count:].any() or int(bits.sum()) != len(values):
        bad(WEIGHTS, f"{n}.mask does not keep {len(values)} weights")
    alive_OI = bits[:count].astype(bool).reshape(empty.weight_OI.shape)
    weight_OI = np.zeros(alive_OI.shape, np.float32)
    weight_OI[alive_OI] = values
    return replace(empty, weight_OI=weight_OI, alive_OI=alive_OI, bias_O=tensors[f"{n}.bias"])


def _checked_tensors(
    source: Folder | Zip, layers: Mapping[int, Layer], kept: Mapping[int, int], digests: Any
) -> dict[str, Any]:
    expected: dict[str, tuple[int, type]] = {}
    for n, layer in layers.items():
        expected[f"{n}.values"] = (kept[n], np.float32)
        expected[f"{n}.mask"] = (-(-layer.weight_OI.size // 8), np.uint8)
        expected[f"{n}.bias"] = (len(layer.bias_O), np.float32)
    size = sum(count * np.dtype(kind).itemsize for count, kind in expected.values())
    content = source.read(WEIGHTS, size + HEADER)
    try:
        tensors = safetensors.numpy.load(content)
    except Exception as error:  # whatever safetensors finds wrong
        raise BadPackage(f"{WEIGHTS}: {error}") from None
    if not isinstance(digests, dict) or not tensors.keys() == digests.keys() == expected.keys():
        bad(WEIGHTS, "does not hold the tensors of the manifest")
    for name, (count, kind) in expected.items():
        tensor = tensors[name]
        if tensor.shape != (count,) or tensor.dtype != kind:
            bad(WEIGHTS, f"{name} is {tensor.dtype} {tensor.shape}, not {np.dtype(kind)} ({count},)")
        if _digest(tensor) != digests[name]:
            bad(WEIGHTS, f"{name} has another digest than in the manifest")
        if kind is np.float32 and not np.isfinite(tensor).all():
            bad(WEIGHTS, f"{name} holds NaN or infinity")
    return tensors


def _row(entry: Any) -> Measured:
    if not isinstance(entry, dict) or entry.keys() != {"batch", "backend", "seconds", "ratio"}:
        bad(MANIFEST, "a measurement has other fields than batch, backend, seconds, ratio")
    row = Measured(**entry)
    numbers = (row.batch, row.seconds, row.ratio)
    if type(row.batch) is not int or not isinstance(row.backend, str) or not all(words.positive(n) for n in numbers):
        bad(MANIFEST, "a measurement is not made of positive numbers and a name")
    return row


def _digest(tensor: NDArray[Any]) -> str:
    return sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=2, sort_keys=True, allow_nan=False).encode()
