"""A subject on its way to another process: values, and what makes a network for them, whose class may not travel."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from ticketsmith_runtime.int8.quantization import Scheme
from ticketsmith_runtime.network import Network

from .applicable import NotApplicable
from .exporting import Models, any_size
from .inputs import Inputs
from .network import restore, state
from .subject import Subject
from .tensors import pack, unpack


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Arguments of a network, their tensors apart."""

    form: TreeSpec
    others: dict[int, Any]
    """What else stands in them, by its place."""

    @classmethod
    def of(cls, inputs: Inputs) -> "tuple[Tree, dict[str, Tensor]]":
        """The tree, and its tensors by their place."""
        leaves, form = tree_flatten(inputs)
        tensors = {str(place): leaf for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)}
        others = {place: leaf for place, leaf in enumerate(leaves) if not isinstance(leaf, Tensor)}
        return cls(form=form, others=others), tensors

    def whole(self, tensors: Mapping[str, Tensor]) -> Any:
        """The arguments again."""
        leaves = self.others | {int(place): tensor for place, tensor in tensors.items()}
        return tree_unflatten([leaves[place] for place in range(len(leaves))], self.form)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """Bytes for the tensors: left to itself, torch sends them by shared memory, of which a container has 64 MB."""

    make: Callable[[], nn.Module]
    """An untrained network."""
    replicate: int
    tensors: bytes
    """Tensors of dense, masked, masks, inputs and calibration, by names that begin with the word."""
    trees: dict[str, Tree]
    """Inputs, and the examples of calibration if there are any."""
    models: "bytes | dict[int, bytes] | None"
    """The dense network's export, for all batch sizes or by batch size: it takes seconds. None: there is none."""
    flat: list[bool]
    quantized: dict[str, bytes]
    """Its models in int8."""
    operators: Network | None
    """The ticket traced, which takes seconds too."""
    scheme: Scheme
    """What of it is in int8, and how."""

    def subject(self) -> Subject:
        """The subject, made anew."""
        parts: dict[str, dict[str, Tensor]] = {"dense": {}, "masked": {}, "masks": {}, "inputs": {}, "calibration": {}}
        for name, tensor in unpack(self.tensors).items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
        return Subject(
            replicate=self.replicate,
            dense=self._network(parts["dense"]),
            masked=self._network(parts["masked"]),
            masks=parts["masks"],
            export=self._export(),
            operators=self.operators,
            quantized=self.quantized,
            scheme=self.scheme,
            **{name: tree.whole(parts[name]) for name, tree in self.trees.items()},
        )

    def _network(self, values: dict[str, Tensor]) -> nn.Module:
        network = self.make()
        restore(network, values)
        return network.requires_grad_(False).eval()

    def _export(self) -> Models | None:
        if isinstance(self.models, bytes):
            return any_size(self.models, self.flat)
        return Models(self.models.__getitem__, self.flat) if self.models else None


def parcel(subject: Subject, make: Callable[[], nn.Module], batch_sizes: Collection[int]) -> Parcel:
    """A subject's parcel, with the models of some batch sizes."""
    trees = {"inputs": Tree.of(subject.inputs)}
    if subject.calibration is not None:
        trees["calibration"] = Tree.of(subject.calibration)
    parts = {"dense": state(subject.dense), "masked": state(subject.masked), "masks": subject.masks}
    parts |= {name: tensors for name, (_, tensors) in trees.items()}
    models, flat = _models(subject, batch_sizes)
    return Parcel(
        make=make,
        replicate=subject.replicate,
        tensors=pack(
            {f"{part}/{name}": tensor.clone() for part, values in parts.items() for name, tensor in values.items()}
        ),
        trees={name: tree for name, (tree, _) in trees.items()},
        models=models,
        flat=flat,
        quantized=subject.quantized,
        operators=_operators(subject),
        scheme=subject.scheme,
    )


def _models(subject: Subject, batch_sizes: Collection[int]) -> tuple[Any, list[bool]]:
    """The export of the dense network; where there is none, the process finds that out for itself."""
    try:
        models = subject.models
        return models.whole or {size: models.at(size) for size in batch_sizes}, list(models.flat)
    except NotApplicable:
        return None, []


def _operators(subject: Subject) -> Network | None:
    try:
        return subject.network
    except NotApplicable:
        return None
