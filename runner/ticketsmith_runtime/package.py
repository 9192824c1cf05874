"""A ticket package: manifest.json and weights.safetensors, in a folder or a zip. Data only: nothing in it is executed.

Every byte is checked before it is used: names, sizes against the manifest before anything is read, digests, finite
values. What fails is a BadPackage.
"""

import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from .chain import Layer

FORMAT = "ticketsmith-ticket/1"
MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
LARGEST_MANIFEST = HEADER = 1 << 20
"""Bytes, of the manifest and of what safetensors writes before the tensors."""
LARGEST = 1 << 28
"""Weights of a net, pruned ones included: 1 GiB."""


class BadPackage(ValueError):
    """Not a ticket package, or a damaged one. The message says what is wrong with which file."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The back-end that was chosen at a batch size."""

    batch: int
    backend: str
    seconds: float
    """Median latency of a call."""
    ratio: float
    """To the best dense back-end; 1 where that is the one chosen."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """What a package holds."""

    layers: list[Layer]
    measured: list[Measured] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)
    """Where it was measured: CPU, versions, date."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Run, spec, data, version, replicate, sparsity, verdict."""


def write(path: Path, ticket: Ticket) -> None:
    """A zip, the same bytes for the same ticket. Raises FileExistsError: nothing is overwritten."""
    tensors = {name: tensor for n, layer in enumerate(ticket.layers) for name, tensor in _tensors(n, layer).items()}
    manifest = {
        "format": FORMAT,
        "layers": [_shape(layer) for layer in ticket.layers],
        "tensors": {name: _digest(tensor) for name, tensor in tensors.items()},
        "measured": [vars(row) for row in ticket.measured],
        "machine": ticket.machine,
        "provenance": ticket.provenance,
    }
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        for name, content in ((MANIFEST, _json(manifest)), (WEIGHTS, safetensors.numpy.save(tensors))):
            archive.writestr(zipfile.ZipInfo(name), content)  # its date is 1980, whatever day it is


def read(path: Path) -> Ticket:
    """The package in a folder or a zip. Raises BadPackage."""
    source = _Folder(path) if path.is_dir() else _Zip(path)
    manifest = _manifest(source.read(MANIFEST, LARGEST_MANIFEST))
    shapes = [_checked_shape(entry) for entry in _list(manifest, "layers")]
    if any(before["units"] != after["inputs"] for before, after in pairwise(shapes)):
        _bad(MANIFEST, "layers do not fit each other")
    if (size := sum(shape["units"] * shape["inputs"] for shape in shapes)) > LARGEST:
        _bad(MANIFEST, f"{size:,} weights are more than {LARGEST:,}")
    tensors = _checked_tensors(source, shapes, manifest.get("tensors"))
    return Ticket(
        layers=[_layer(shape, n, tensors) for n, shape in enumerate(shapes)],
        measured=[_row(entry) for entry in _list(manifest, "measured", least=0)],
        machine=_mapping(manifest, "machine"),
        provenance=_mapping(manifest, "provenance"),
    )


def _shape(layer: Layer) -> dict[str, Any]:
    units, inputs = layer.weight_OI.shape
    return {"type": "linear", "inputs": inputs, "units": units, "kept": layer.kept, "relu": layer.relu}


def _tensors(n: int, layer: Layer) -> dict[str, NDArray[Any]]:
    """Kept values row by row, the mask as bits, the biases."""
    return {
        f"{n}.values": layer.weight_OI[layer.alive_OI].astype(np.float32),
        f"{n}.mask": np.packbits(layer.alive_OI),
        f"{n}.bias": np.ascontiguousarray(layer.bias_O, np.float32),
    }


def _layer(shape: Mapping[str, Any], n: int, tensors: Mapping[str, NDArray[Any]]) -> Layer:
    count = shape["units"] * shape["inputs"]
    bits, values = np.unpackbits(tensors[f"{n}.mask"]), tensors[f"{n}.values"]
    if bits[count:].any() or int(bits.sum()) != len(values):
        _bad(WEIGHTS, f"{n}.mask does not keep {len(values)} weights")
    alive_OI = bits[:count].astype(bool).reshape(shape["units"], shape["inputs"])
    weight_OI = np.zeros(alive_OI.shape, np.float32)
    weight_OI[alive_OI] = values
    return Layer(weight_OI=weight_OI, alive_OI=alive_OI, bias_O=tensors[f"{n}.bias"], relu=shape["relu"])


def _manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content, parse_constant=lambda word: _bad(MANIFEST, f"holds {word}"))
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, BadPackage) else BadPackage(f"{MANIFEST}: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        _bad(MANIFEST, f"its format is not {FORMAT}")
    return manifest


def _checked_shape(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or entry.keys() != {"type", "inputs", "units", "kept", "relu"}:
        _bad(MANIFEST, "a layer has other fields than type, inputs, units, kept, relu")
    if entry["type"] != "linear" or type(entry["relu"]) is not bool:
        _bad(MANIFEST, "a layer is not a linear one with relu true or false")
    sizes = [entry["inputs"], entry["units"], entry["kept"]]
    if any(type(size) is not int or size < least for size, least in zip(sizes, (1, 1, 0), strict=True)):
        _bad(MANIFEST, "a layer has a size that is no positive number")
    if sizes[2] > sizes[0] * sizes[1]:
        _bad(MANIFEST, f"a layer of {sizes[0]} x {sizes[1]} keeps {sizes[2]} weights")
    return dict(entry)


def _checked_tensors(source: "_Folder | _Zip", shapes: Sequence[Mapping[str, Any]], digests: Any) -> dict[str, Any]:
    expected: dict[str, tuple[int, type]] = {}
    for n, shape in enumerate(shapes):
        expected[f"{n}.values"] = (shape["kept"], np.float32)
        expected[f"{n}.mask"] = (-(-shape["units"] * shape["inputs"] // 8), np.uint8)
        expected[f"{n}.bias"] = (shape["units"], np.float32)
    size = sum(count * np.dtype(kind).itemsize for count, kind in expected.values())
    content = source.read(WEIGHTS, size + HEADER)
    try:
        tensors = safetensors.numpy.load(content)
    except Exception as error:  # whatever safetensors finds wrong
        raise BadPackage(f"{WEIGHTS}: {error}") from None
    if not isinstance(digests, dict) or not tensors.keys() == digests.keys() == expected.keys():
        _bad(WEIGHTS, "does not hold the tensors of the manifest")
    for name, (count, kind) in expected.items():
        tensor = tensors[name]
        if tensor.shape != (count,) or tensor.dtype != kind:
            _bad(WEIGHTS, f"{name} is {tensor.dtype} {tensor.shape}, not {np.dtype(kind)} ({count},)")
        if _digest(tensor) != digests[name]:
            _bad(WEIGHTS, f"{name} has another digest than in the manifest")
        if kind is np.float32 and not np.isfinite(tensor).all():
            _bad(WEIGHTS, f"{name} holds NaN or infinity")
    return tensors


def _row(entry: Any) -> Measured:
    if not isinstance(entry, dict) or entry.keys() != {"batch", "backend", "seconds", "ratio"}:
        _bad(MANIFEST, "a measurement has other fields than batch, backend, seconds, ratio")
    row = Measured(**entry)
    numbers = (row.batch, row.seconds, row.ratio)
    if type(row.batch) is not int or not isinstance(row.backend, str) or not all(_positive(n) for n in numbers):
        _bad(MANIFEST, "a measurement is not made of positive numbers and a name")
    return row


def _positive(number: Any) -> bool:
    return type(number) in (int, float) and math.isfinite(number) and number > 0


def _list(manifest: Mapping[str, Any], key: str, least: int = 1) -> list[Any]:
    found = manifest.get(key)
    if not isinstance(found, list) or not least <= len(found) <= 1000:
        _bad(MANIFEST, f"{key} is no list of {least} to 1000")
    return found


def _mapping(manifest: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = manifest.get(key)
    return found if isinstance(found, dict) else _bad(MANIFEST, f"{key} is no object")


def _digest(tensor: NDArray[Any]) -> str:
    return sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=2, sort_keys=True, allow_nan=False).encode()


def _bad(where: str, what: str) -> NoReturn:
    raise BadPackage(f"{where}: {what}")


class _Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str, limit: int) -> bytes:
        try:
            with (self.path / name).open("rb") as file:
                content = file.read(limit + 1)
        except OSError as error:
            raise BadPackage(f"{name}: {error.strerror}") from None
        return content if len(content) <= limit else _bad(name, f"is larger than {limit:,} bytes")


class _Zip:
    """Read in place: no file of it is ever written to disk, whatever its names say."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str, limit: int) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive:
                if sorted(archive.namelist()) != [MANIFEST, WEIGHTS]:
                    _bad(self.path.name, f"holds other files than {MANIFEST} and {WEIGHTS}")
                with archive.open(name) as file:
                    content = file.read(limit + 1)
        except OSError as error:
            raise BadPackage(f"{self.path.name}: {error.strerror or error}") from None
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
            raise BadPackage(f"{self.path.name}: {error}") from None
        return content if len(content) <= limit else _bad(name, f"is larger than {limit:,} bytes")
