"""Given weights that training starts from: a safetensors file, which travels through the store under its SHA-256.

Of the format (https://github.com/huggingface/safetensors#format) the header is read, without torch: enough to know it.
"""

import json
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from stat import S_ISREG
from typing import Any, BinaryIO

from .digests import digests
from .errors import Conflict, IntegrityError, UsageError
from .lottery.spec import Experiment
from .stores import Store, expanded
from .transport import size

LARGEST = 8 << 30
"""Bytes of a file of weights: a store gives and takes whole files."""
HEADER = 100_000_000
"""Bytes of its header at most, as safetensors has it."""

EXAMPLE = "`safetensors.torch.save_file(network.state_dict(), 'weights.safetensors')` writes one"


def digest(path: str) -> str:
    """SHA-256 of a file of weights. Raises UsageError if it is none, or too large."""
    file = Path(expanded(path))
    try:
        state = file.stat()
        if not S_ISREG(state.st_mode):
            raise UsageError(f"training.start: {path} is no file", f"give one of safetensors: {EXAMPLE}")
        if state.st_size > LARGEST:
            raise UsageError(
                f"training.start: {path} is {size(state.st_size)}, expected at most {size(LARGEST)}",
                "leave out what the network does not take (optimizer states, copies), or save it in float16",
            )
        with file.open("rb") as opened:
            wrong = _wrong(opened, state.st_size)
    except OSError as error:
        raise UsageError(
            f"training.start: cannot read {path}: {error.strerror}",
            "correct the path; the store of a run that was begun with the file has it: weights/<SHA-256>.safetensors",
        ) from error
    if wrong:
        raise UsageError(f"training.start: {path} is no safetensors file: {wrong}", EXAMPLE)
    return digests([file.absolute()])[0][1]


def keep(store: Store, spec: Experiment) -> None:
    """Put the weights where the run finds them; what is there is enough, be the file gone.

    Raises Conflict if the file is not what the spec was made of.
    """
    expected, path = spec.sources.weights, spec.training.start
    if expected is None or store.exists(key(expected)):
        return
    if path is None or digest(path) != expected:
        raise Conflict(
            f"{spec.run_id()} was begun with other weights than {path} has now",
            "put back what it was begun with; the options that it was begun with now begin another run",
        )
    store.put_once(key(expected), Path(expanded(path)).read_bytes())


def read(store: Store, expected: str) -> bytes:
    """The weights with that digest. Raises IntegrityError if they are missing or others."""
    fix = "move it away if it is there, and run the same command again where the file is: it writes it"
    try:
        data = store.get(key(expected))
    except KeyError:
        raise IntegrityError(f"the weights of the run are not at {store.url}/{key(expected)}", fix) from None
    if (got := sha256(data).hexdigest()) != expected:
        raise IntegrityError(f"{store.url}/{key(expected)}: expected sha256 {expected[:16]}…, got {got[:16]}…", fix)
    return data


def key(digest: str) -> str:
    """The key of weights in a store.

    >>> key("0" * 64)[:12]
    'weights/0000'
    """
    return f"weights/{digest}.safetensors"


def _wrong(file: BinaryIO, length: int) -> str | None:
    """The reason why a file of so many bytes is no safetensors file, or None."""
    head = file.read(8)
    if head[:2] == b"PK" or head[:1] == b"\x80":
        return "it is a pickle, which may run code as it is read"
    count = int.from_bytes(head, "little")
    if len(head) < 8 or count > min(HEADER, length - 8):
        return "it does not begin with a header"
    try:
        spans = sorted(_spans(json.loads(file.read(count))))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "its header is none"
    if not spans:
        return "it holds no tensor"
    if any(a[1] != b[0] for a, b in pairwise([(0, 0), *spans, (length - 8 - count, 0)])):
        return f"it is {length:,} bytes long, and its header names others: an incomplete download?"
    return None


def _spans(header: dict[str, Any]) -> list[tuple[int, int]]:
    """First byte and end of each tensor."""
    spans = [entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"]
    return [(int(begin), int(end)) for begin, end in spans]
