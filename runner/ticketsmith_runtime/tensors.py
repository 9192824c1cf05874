"""Tensors of a package, held against what the manifest announces: names, sizes, types, digests, finite numbers."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from .archive import WEIGHTS, BadPackage, Folder, Zip, bad

HEADER = 1 << 20
"""Bytes that safetensors may write before the tensors, and for each of them."""
ENTRY = 1 << 10
NUMBERS = ".numbers"
"""Ending of the name of a constant that no mask is for."""


def checked(source: Folder | Zip, expected: Mapping[str, tuple[int, type]], digests: Any) -> dict[str, NDArray[Any]]:
    """All tensors, flat. `expected`: how many numbers each has, of which type. Raises BadPackage."""
    size = sum(count * np.dtype(kind).itemsize for count, kind in expected.values())
    content = source.read(WEIGHTS, size + HEADER + ENTRY * len(expected))
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
        if digest(tensor) != digests[name]:
            bad(WEIGHTS, f"{name} has another digest than in the manifest")
        if kind is np.float32 and not _sound(name, tensor):
            bad(WEIGHTS, f"{name} holds NaN or infinity")
    return tensors


def _sound(name: str, tensor: NDArray[Any]) -> bool:
    """Weights are finite; another constant may be infinite, as what hides a key from attention is."""
    return bool(np.isfinite(tensor).all() if not name.endswith(NUMBERS) else not np.isnan(tensor).any())


def masked(name: str, array: NDArray[Any], alive: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Kept values row by row, and the mask as bits."""
    kind = np.int8 if array.dtype == np.int8 else np.float32
    return {f"{name}.values": array[alive].astype(kind), f"{name}.mask": np.packbits(alive)}


def unmasked(name: str, shape: tuple[int, ...], tensors: Mapping[str, NDArray[Any]]) -> tuple[Any, NDArray[np.bool_]]:
    """The array, zero outside the mask, and the mask. Raises BadPackage if that does not keep as many values."""
    count = int(np.prod(shape))
    bits, values = np.unpackbits(tensors[f"{name}.mask"]), tensors[f"{name}.values"]
    if bits[count:].any() or int(bits.sum()) != len(values):
        bad(WEIGHTS, f"{name}.mask does not keep {len(values)} weights")
    alive = bits[:count].astype(bool).reshape(shape)
    array = np.zeros(shape, values.dtype)
    array[alive] = values
    return array, alive


def digest(tensor: NDArray[Any]) -> str:
    """SHA-256 of the numbers as they lie in memory."""
    return sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()
