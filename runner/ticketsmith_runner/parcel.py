"""A subject on its way to another process: values, and what makes a network for them, whose class may not travel."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from .applicable import NotApplicable
from .exporting import Models
from .network import restore, state
from .subject import Subject
from .tensors import pack, unpack


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """Bytes for the tensors: left to itself, torch sends them by shared memory, of which a container has 64 MB."""

    make: Callable[[], nn.Module]
    """An untrained network."""
    replicate: int
    tensors: bytes
    """Of dense, masked, masks and inputs, by names that begin with the word."""
    others: dict[int, Any]
    """What else stands in the inputs, by its place."""
    form: TreeSpec
    """That of the inputs."""
    models: dict[int, bytes]
    """The dense network's export by batch size, which takes seconds; none where there is none."""
    flat: list[bool]

    def subject(self) -> Subject:
        """The subject, made anew."""
        parts: dict[str, dict[str, Tensor]] = {"dense": {}, "masked": {}, "masks": {}, "inputs": {}}
        for name, tensor in unpack(self.tensors).items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
        leaves = self.others | {int(place): tensor for place, tensor in parts["inputs"].items()}
        return Subject(
            replicate=self.replicate,
            dense=self._network(parts["dense"]),
            masked=self._network(parts["masked"]),
            masks=parts["masks"],
            inputs=tree_unflatten([leaves[place] for place in range(len(leaves))], self.form),
            export=Models(self.models.__getitem__, self.flat) if self.models else None,
        )

    def _network(self, values: dict[str, Tensor]) -> nn.Module:
        network = self.make()
        restore(network, values)
        return network.requires_grad_(False).eval()


def parcel(subject: Subject, make: Callable[[], nn.Module], batch_sizes: Collection[int]) -> Parcel:
    """A subject's parcel, with the models of some batch sizes."""
    leaves, form = tree_flatten(subject.inputs)
    inputs = {str(place): leaf for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)}
    parts = {"dense": state(subject.dense), "masked": state(subject.masked), "masks": subject.masks, "inputs": inputs}
    try:
        models, flat = {size: subject.models.at(size) for size in batch_sizes}, list(subject.models.flat)
    except NotApplicable:  # the process will find out for itself
        models, flat = {}, []
    return Parcel(
        make=make,
        replicate=subject.replicate,
        tensors=pack(
            {f"{part}/{name}": each.clone() for part, values in parts.items() for name, each in values.items()}
        ),
        others={place: leaf for place, leaf in enumerate(leaves) if not isinstance(leaf, Tensor)},
        form=form,
        models=models,
        flat=flat,
    )
