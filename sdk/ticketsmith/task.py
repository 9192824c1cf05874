"""A task file: a module with these names. No base class, no decorator; torch is in annotations alone.

from ticketsmith.task import ACCURACY as METRIC, Splits

DEFAULTS = {"replicates": 5, "training": {"steps": 4000, "batch_size": 64, "learning_rate": 0.1}}
def data(root): return Splits(examples=ImageFolder(root / "flowers", ToTensor()), folds=5, validation=20)
def model(classes=2): return resnet18(num_classes=classes)
def loss(model, batch): return cross_entropy(model(batch[0]), batch[1], reduction="none")
def score(model, batch): return (model(batch[0]).argmax(1) == batch[1]).float()
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .lottery.metric import ACCURACY, BITS, NATS, Metric

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn
    from torch.utils.data import Dataset

__all__ = ["ACCURACY", "BITS", "NATS", "Metric", "Scaling", "Splits", "Task"]


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Examples, and which of them are for what: cross-fitted where there are `folds`, else `test` is fixed."""

    examples: "Dataset[Any]"
    """Any map-style data set: an example for each number from 0 to its length."""
    files: Sequence[Path] = ()
    """Every file that the examples come from. Their digests stand in the run id; none: the examples themselves do."""
    test: range | None = None
    """The numbers of the test examples; None: those of each replicate's fold."""
    folds: int = 0
    """Each block of so many replicates tests every example once."""
    validation: int | range = 0
    """Examples that each replicate draws from its training examples, or the numbers of those that are held out."""
    groups: Sequence[int] | None = None
    """The group of each example (its patient, passage, photographer). A group lies in one split, and counts as one."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """From raw numbers to those of `data`: over `peak`, less `mean`, over `std`; then, with `unit`, to length 1.

    A package carries it, and `load("my.ticket", raw=True)` does it. Mean and std: a number, or one for each channel,
    the first axis of an example.
    """

    peak: float = 1.0
    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0
    unit: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that make none, before anything is trained with them."""
        mean, std = (list(value) if isinstance(value, Sequence) else [value] for value in (self.mean, self.std))
        if not (mean and std and all(map(isfinite, (self.peak, *mean, *std))) and min(self.peak, *std) > 0):
            raise ValueError(f"{self}: peak and std are positive numbers, mean is a number; or lists, one a channel")


class Task(Protocol):
    """A module with these names. All but `METRIC`, `DEFAULTS`, `data`, `model` and `loss` may be left out."""

    METRIC: Metric
    """The measure that the gate judges."""
    DEFAULTS: Mapping[str, Any]
    """Spec fields that differ from those of the package: the protocol of the task."""
    VOCABULARY: Sequence[str] | str
    """The text of each token, for a network of tokens: a package of it answers text with text.

    `VOCABULARY = "tokenizer.json"` names a file of Hugging Face's tokenizers beside the task's instead: it travels with
    the task, and to pack it takes `pip install 'ticketsmith[tokens]'`. The network may have logits to spare.
    """

    SCALING: Scaling
    """The way from raw numbers to those of the network's input, which has to be one array of floats."""
    CLASSES: Sequence[str]
    """Names of a classifier's outputs, in their order."""

    def data(self, root: Path) -> Splits | Mapping[str, Any]:
        """The examples below `root`; or data sets by the names `train`, `test` and, where wanted, `validation`."""

    def model(self, **options: Any) -> "nn.Module":
        """The untrained network. Whatever it draws comes from torch's stream, which the runner seeds."""

    def smaller(self, weights: int) -> Mapping[str, Any]:
        """Options of `model` for a dense network with about so many weights, which the control `smaller` trains."""

    def loss(self, model: "nn.Module", batch: Any) -> "Tensor":
        """(B,), in nats or any other unit: what is descended, and what the early stop looks at.

        A scalar will do where `score` gives (B,).
        """

    def score(self, model: "nn.Module", batch: Any) -> "Tensor":
        """(B,), in recorded units of `METRIC`; without it, the loss."""

    def record(self, model: "nn.Module", batch: Any) -> "Mapping[str, Tensor]":
        """Further columns of (B,) for the record, such as `prediction`, `confidence` and `label`."""

    def baseline(self, training: Any) -> "Callable[[Any], Tensor]":
        """The best answer that takes no network, fitted to the training examples of a replicate, as one batch.

        What it returns gives (B,) for a batch, as `score` does, and dense has to be surely better. The first line of
        the docstring is its name in the report: "A trigram model of the same text". Without it, dense has to beat the
        most frequent class, or its untrained network.
        """

    def sample(self, model: "nn.Module", generator: "Generator") -> "Sequence[str | Tensor]":
        """Texts, or images (C, H, W) in [0, 1]: dense and ticket draw them from equal streams."""

    def collate(self, examples: "list[Any]") -> Any:
        """A batch of examples; without it, torch's `default_collate`."""

    def inputs(self, batch: Any) -> "Tensor | tuple[Any, ...] | dict[str, Any]":
        """Arguments of `model` for inference, positional or by name; without it, the first part of a batch."""

    def prunable(self, model: "nn.Module") -> "Sequence[str]":
        """Names of the parameters that may be pruned; without it, the weights of Linear and Conv layers."""
