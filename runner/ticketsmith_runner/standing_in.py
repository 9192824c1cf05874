"""A back-end in the place of a network's forward pass, for a task's own functions to ask."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import fields as fields_of
from dataclasses import is_dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map, tree_structure

from .applicable import NotApplicable
from .backends import Forward
from .inputs import Inputs, batches, call, count, rows, tensors


def standing_in(network: nn.Module, forward: Forward, inputs: Inputs, size: int) -> nn.Module:
    """A copy of the network that lets a back-end answer, in batches of one size, in the network's own form.

    It raises NotApplicable where it is asked for more than the back-end has: with arguments of another kind than
    `inputs`, or in parts. So no number is taken for int8's that is not.
    """
    model, plain = deepcopy(network), isinstance(call(network, rows(inputs, slice(1))), Tensor)

    def answer(*args: Any, **kwargs: Any) -> Any:
        given = given_to(args, kwargs)
        if not alike(given, inputs):
            raise NotApplicable("the task calls the network with other arguments than before")
        parts = [forward(part) for part in batches(given, size)]
        leaves = [torch.cat(same)[: count(given)] for same in zip(*parts, strict=True)]
        return leaves[0] if plain else _filled(call(network, given), iter(leaves))

    def refuse(*_: Any) -> None:
        raise NotApplicable("the task calls parts of the network, of which a back-end has the whole")

    for part in list(model.modules())[1:]:
        part.register_forward_pre_hook(refuse)
    model.forward = answer
    return model


def asked(network: nn.Module, ask: Callable[[nn.Module], object]) -> Inputs:
    """All that `ask` calls a network with. Raises NotApplicable where it does not, or in one form and another."""
    model, calls = deepcopy(network), list[Any]()

    def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = given_to(args, kwargs)
        if not any(_equal(given, known) for known in calls):  # loss, score and record ask the same
            calls.append(given)

    model.register_forward_pre_hook(note, with_kwargs=True)
    ask(model)
    if not calls:
        raise NotApplicable("the task does not call the network as a whole")
    if not all(alike(given, calls[0]) for given in calls):
        raise NotApplicable("the task calls the network now with one kind of arguments, now with another")
    return joined(calls)


def _equal(given: Inputs, known: Inputs) -> bool:
    pairs = zip(tensors(given), tensors(known), strict=False)
    return alike(given, known) and all(torch.equal(one, other) for one, other in pairs)


def alike(given: Inputs, inputs: Inputs) -> bool:
    """Tell whether these are arguments of one kind: whatever the number of examples."""
    same = tree_structure(given) == tree_structure(inputs)
    return same and [_kind(x) for x in tree_leaves(given)] == [_kind(x) for x in tree_leaves(inputs)]


def given_to(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Inputs:
    """Arguments of a call as a benchmark has them. Raises NotApplicable for some in place and some by name."""
    if args and kwargs:
        raise NotApplicable("the task calls the network with arguments both in place and by name")
    return dict(kwargs) or (args[0] if len(args) == 1 else args)


def joined(calls: Sequence[Inputs]) -> Inputs:
    """Arguments of several calls of one kind, as those of one call."""
    whole: Inputs = tree_map(lambda *same: torch.cat(same) if isinstance(same[0], Tensor) else same[0], *calls)
    return whole


def _kind(leaf: Any) -> Any:
    """All of a tensor but the number of examples; anything else has to be the same, as a trace holds it."""
    return (leaf.dtype, leaf.shape[1:]) if isinstance(leaf, Tensor) else leaf


def _filled(answer: Any, leaves: Iterator[Tensor]) -> Any:
    """The same form with other tensors. Raises NotApplicable for a tensor that no back-end gives."""
    if isinstance(answer, Tensor):
        if not (answer.is_floating_point() and answer.dim()):
            raise NotApplicable("the network gives tensors that are no numbers by example")
        return next(leaves)
    if isinstance(answer, Mapping):
        made: Any = copy(answer)
        for name, part in answer.items():
            made[name] = _filled(part, leaves)
        return made
    if isinstance(answer, tuple | list):
        listed = [_filled(part, leaves) for part in answer]
        return type(answer)(*listed) if hasattr(answer, "_fields") else type(answer)(listed)
    if is_dataclass(answer) and not isinstance(answer, type):
        return replace(
            answer, **{field.name: _filled(getattr(answer, field.name), leaves) for field in fields_of(answer)}
        )
    return answer
