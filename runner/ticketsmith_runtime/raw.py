"""Raw numbers before the first layer, and names after the last: the two ends of a network, as a package has them.

B: samples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .archive import MANIFEST, BadPackage, bad
from .graph import Graph
from .manifest import fields, mapping
from .network import Network

if TYPE_CHECKING:
    from .package import Ticket

CHANNELS, NAMES, LETTERS = 1 << 12, 1 << 16, 1 << 19
"""At most."""
LARGEST = 1e30
"""Of any number; its inverse is the smallest that is divided by. Float32 holds both."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """From raw numbers to those that the network was trained on: over `peak`, less `mean`, over `std`.

    Mean and std are one number, or one for each channel, the first axis of a sample. With `unit`, a sample is of
    length 1 at the end. Raises ValueError for what is none.
    """

    peak: float = 1.0
    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0
    unit: bool = False

    def __post_init__(self) -> None:
        numbers = [self.peak, *_each(self.mean), *_each(self.std)]
        if not all(type(number) in (int, float) and -LARGEST < number < LARGEST for number in numbers):
            raise ValueError("peak, mean and std are no numbers")
        if not _each(self.mean) or min(_each(self.std), default=0) < 1 / LARGEST or self.peak < 1 / LARGEST:
            raise ValueError("peak and std are no positive numbers")
        if type(self.unit) is not bool:
            raise ValueError("unit is neither true nor false")

    def __call__(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """(B, ...) in the shape of the network's input -> the same in float32."""
        raw_B = np.asarray(raw, np.float32)
        scaled_B = (raw_B / np.float32(self.peak) - _beside(self.mean, raw_B)) / _beside(self.std, raw_B)
        if scaled_B.shape != raw_B.shape:
            raise ValueError(f"inputs of shape {list(raw_B.shape)} have other channels than mean and std")
        if self.unit:
            lengths = np.sqrt(np.square(scaled_B, dtype=np.float32).reshape(len(scaled_B), -1).sum(1))
            scaled_B /= np.maximum(lengths, np.finfo(np.float32).tiny).reshape(-1, *[1] * (scaled_B.ndim - 1))
        return np.asarray(scaled_B, np.float32)

    def fits(self, shape: Sequence[int]) -> None:
        """Raises ValueError unless numbers by channel are as many as the channels of a sample of this shape."""
        for name in ("mean", "std"):
            count = len(_each(numbers := getattr(self, name)))
            if isinstance(numbers, Sequence) and (not shape or count not in (1, shape[0])):
                raise ValueError(f"{name} has {count} numbers, and a sample of shape {list(shape)} has other channels")

    def __str__(self) -> str:
        """The steps in words.

        >>> str(Scaling(peak=16, mean=0.3, std=0.4)), str(Scaling(peak=255, unit=True)), str(Scaling())
        ('over 16, less 0.3, over 0.4', 'over 255, to length 1', 'as they are')
        """
        steps = [("over", self.peak, 1.0), ("less", self.mean, 0.0), ("over", self.std, 1.0)]
        phrases = [f"{word} {_words(numbers)}" for word, numbers, nothing in steps if set(_each(numbers)) != {nothing}]
        return ", ".join([*phrases, *["to length 1"] * self.unit]) or "as they are"


class Classes:
    """Names of a classifier's outputs, all different. Raises ValueError if they are none."""

    def __init__(self, names: Sequence[str]) -> None:
        if isinstance(names, str) or not all(isinstance(name, str) and name for name in names):
            raise ValueError("classes are a list of names, none of them empty")
        if len(set(names)) < len(names) or not 0 < len(names) <= NAMES or sum(map(len, names)) > LETTERS:
            raise ValueError(f"classes are 1 to {NAMES:,} names, none of them twice")
        "".join(names).encode()  # half a surrogate is a string of Python, and no text
        self.names = tuple(names)

    def fits(self, outputs: Sequence[int]) -> None:
        """Raises ValueError unless a sample has an output for each name."""
        if not outputs or outputs[-1] != len(self.names):
            raise ValueError(f"{len(self.names)} names do not fit outputs {list(outputs)}")


def input_of(network: Graph | Network) -> Sequence[int]:
    """Shape of a sample. Raises ValueError unless the network reads floats, and one array of them."""
    if isinstance(network, Graph):
        return network.inputs
    if [array.type for array in network.inputs] != ["float"]:
        raise ValueError("raw numbers are scaled for a network that reads one array of floats")
    return network.inputs[0].shape


def outputs_of(network: Graph | Network) -> Sequence[int]:
    """Shape of what the network makes of a sample. Raises ValueError if it makes several things."""
    if isinstance(network, Graph):
        return [network.shapes()[-1].size]
    if len(network.outputs) != 1:
        raise ValueError("classes belong to a network with one output")
    return network.shapes(1)[network.outputs[0]]


def scaling_of(ticket: "Ticket", raw: bool) -> Scaling | None:
    """The ticket's scaling, if it is asked for. Raises ValueError if there is none."""
    if raw and ticket.scaling is None:
        raise ValueError("the package does not say how raw inputs are scaled: its task's file had no SCALING")
    return ticket.scaling if raw else None


def described(scaling: Scaling | None, classes: Classes | None) -> dict[str, Any]:
    """The words of a manifest about them."""
    words: dict[str, Any] = {} if scaling is None else {"scaling": asdict(scaling)}
    return words | ({} if classes is None else {"classes": list(classes.names)})


def read(manifest: Mapping[str, Any], network: Graph | Network) -> tuple[Scaling | None, Classes | None]:
    """Both, if the package says something of them. Raises BadPackage."""
    scaling = classes = None
    try:
        if "scaling" in manifest:
            fields(entry := mapping(manifest, "scaling"), {"peak", "mean", "std", "unit"}, "scaling")
            (scaling := Scaling(**entry)).fits(input_of(network))
        if "classes" in manifest:
            if not isinstance(names := manifest["classes"], list):
                bad(MANIFEST, "classes are no list")
            (classes := Classes(names)).fits(outputs_of(network))
    except ValueError as error:
        raise error if isinstance(error, BadPackage) else BadPackage(f"{MANIFEST}: {error}") from None
    return scaling, classes


def _each(numbers: Any) -> list[Any]:
    """A number, or several."""
    values = list(numbers) if isinstance(numbers, Sequence) and not isinstance(numbers, str) else [numbers]
    return values if len(values) <= CHANNELS else []


def _beside(numbers: Any, raw_B: NDArray[np.float32]) -> NDArray[np.float32]:
    """Numbers by channel in the shape of a sample."""
    return np.asarray(_each(numbers), np.float32).reshape(-1, *[1] * max(raw_B.ndim - 2, 0))


def _words(numbers: Any) -> str:
    return ", ".join(f"{number:g}" for number in _each(numbers))
