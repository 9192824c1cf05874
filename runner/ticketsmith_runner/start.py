"""The start of the dense training: theta_0 as the task draws it, with given weights laid over it where they fit.

A checkpoint has another head, or names with something before them: dozens of reports of other tools are of those two
(Megvii-BaseDetection/YOLOX#849, open-mmlab/mmdetection#9106). What did not fit is drawn, and named in the record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from torch import Tensor, nn

from ticketsmith import weights
from ticketsmith.errors import UsageError
from ticketsmith.stores import Store

from .network import aliases, state
from .tensors import unpack
from .trainers import State

if TYPE_CHECKING:  # it makes a start
    from .context import Context

WORDS = ("module", "model", "state_dict", "teacher", "student", "backbone", "_orig_mod")
"""Parts that may stand before every name: of what wrapped the network as it was saved."""
SHOWN = 5
MEND = "give weights that were saved from such a network, or leave training.start out"

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Start:
    """A state, and how the given weights fit; nothing of that where there are none."""

    state: State
    prefix: str = ""
    drawn: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def start(context: "Context", replicate: int, rung: str | None = None) -> Start:
    """The tensors that a replicate starts from. Raises UsageError if no given weight fits, or they are not finite.

    Both arms of a rung of the ladder begin alike, and never with given weights.
    """
    network = context.network(f"rung/{rung}" if rung else "init", replicate, rung)
    digest = None if rung else context.spec.sources.weights
    if digest is None:
        return Start(_state(state(network)))
    try:
        return laid(network, _read(_File(digest, context.ledger.store)))
    except ValueError as error:
        raise UsageError(f"training.start: {context.spec.training.start} {error}", MEND) from error


def laid(network: nn.Module, given: Tensors) -> Start:
    """The state of a network with given tensors over it, in its own types. Raises ValueError if none fits.

    Under a weight that is shared stands what the file has for the first of its names that it knows.
    """
    own, names = state(network), aliases(network)
    matches = {prefix: fitting(own, names, given, prefix) for prefix in prefixes(given)}
    prefix = max(matches, key=lambda prefix: sum(own[name].dim() > 0 for name in matches[prefix]))
    fits = matches[prefix]
    values = {name: given[place].to(own[name].dtype, copy=True).contiguous() for name, place in fits.items()}
    if not any(value.dim() for value in values.values()):
        raise ValueError(f"has no tensor that fits the network: it holds {_few([*given])}, the network {_few([*own])}")
    _refuse_what_is_not_finite(network, values)
    return Start(
        state=_state(own | values),
        prefix=prefix,
        drawn=[name for name in own if name not in fits],
        unused=_unused(given, names, prefix, fits),
    )


def prefixes(given: Tensors) -> list[str]:
    """Prefixes that may stand before the network's names in a file: nothing first, then the shortest."""
    heads = {tuple(takewhile(WORDS.__contains__, name.split("."))) for name in given}
    every = {head[:count] for head in heads for count in range(len(head) + 1)}
    ordered = sorted(every, key=lambda head: (len(head), [WORDS.index(word) for word in head]))
    return ["".join(f"{word}." for word in head) for head in ordered]


def fitting(own: Tensors, names: Mapping[str, Sequence[str]], given: Tensors, prefix: str) -> dict[str, str]:
    """The name in the file for each tensor of the network that the file has, in its shape."""
    places = ((name, prefix + alias) for name in own for alias in reversed(names[name]))  # the first alias stands
    return {name: place for name, place in places if _alike(given.get(place), own[name])}


def _alike(given: Tensor | None, own: Tensor) -> bool:
    """One shape, and both or neither of real numbers: weights that were quantized are no weights without scales."""
    return given is not None and given.shape == own.shape and given.is_floating_point() == own.is_floating_point()


def _unused(given: Tensors, names: Mapping[str, Sequence[str]], prefix: str, fits: Mapping[str, str]) -> list[str]:
    """Tensors that were not taken; a second name of one that was is no other tensor."""
    taken = {*fits.values()}
    for name, place in fits.items():
        others = (prefix + alias for alias in names[name])
        taken |= {other for other in others if other in given and given[other].equal(given[place])}
    return sorted({*given} - taken)


def _refuse_what_is_not_finite(network: nn.Module, values: Tensors) -> None:
    parameters = {name for name, _ in network.named_parameters()}
    if wrong := [name for name in values if name in parameters and not bool(values[name].isfinite().all())]:
        raise ValueError(f"holds NaN or infinities: {_few(wrong)}")


@dataclass(frozen=True)
class _File:
    digest: str
    store: Store = field(compare=False)


@lru_cache(maxsize=1)
def _read(file: _File) -> dict[str, Tensor]:
    try:
        return unpack(weights.read(file.store, file.digest))
    except SafetensorError as error:
        raise ValueError(f"is no safetensors file: {error}") from error


def _state(values: Tensors) -> State:
    return {f"weights/{name}": value for name, value in values.items()}


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
