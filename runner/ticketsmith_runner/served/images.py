"""Images as a task's `sample` draws them, all steps of it, with a back-end in the place of what it calls."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ticketsmith.lottery.results import Refusal
from ticketsmith_runtime.int8.quantization import PLAIN

from ..applicable import NotApplicable
from ..backends import Forward, every
from ..backends.admission import admit
from ..inputs import Inputs, call, count, rows, tensors
from ..network import restore, state
from ..parcel import Parcel, parcel
from ..standing_in import alike, given_to, joined
from ..subject import Subject
from ..tasks import Task
from ..tensors import pack, unpack
from .stored import stored
from .ways import Way, arm_of

SEED, OTHER = 0, 1
"""Streams that images are drawn from, and those that int8 is calibrated on."""
KEPT = 64
"""Calls whose arguments are kept, from all over a sampler's steps."""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The one part of a network that a sampler calls, and with what."""

    name: str
    """Its name in the network; nothing for the whole network."""
    size: int
    """Examples of each call."""
    count: int
    inputs: Any
    images: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """A maker of one part of a network."""

    make: Callable[[], nn.Module]
    name: str

    def __call__(self) -> nn.Module:
        return self.make().get_submodule(self.name)


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """The ways to draw images. `networks` has the states of both whole networks: a sampler may read all of one."""

    task: Task
    make: Callable[[], nn.Module]
    networks: bytes
    sent: Parcel
    """The part that is called."""
    calls: Calls
    wanted: Collection[str]

    def ways(self, names: Collection[str] | None = None) -> tuple[list[Way], list[Refusal]]:
        """A way for each back-end whose outputs are right in batches of the sampler's size."""
        subject = self.sent.subject()
        wanted = self.wanted if names is None else names
        backends = {name: backend for name, backend in every().items() if name in wanted and arm_of(backend.KIND)}
        admitted = admit(backends, subject, [self.calls.size])
        ways = [self._way(name, forward, subject) for name, forward in admitted.forwards.items()]
        return ways, admitted.refused

    def _way(self, name: str, forward: Forward, subject: Subject) -> Way:
        kind = every()[name].KIND
        arm = arm_of(kind)
        assert arm, "the caller wants back-ends of arms alone"
        network = self.make()
        side = "dense/" if kind.dense else "masked/"
        values = unpack(self.networks)
        restore(network, {key.removeprefix(side): value for key, value in values.items() if key.startswith(side)})
        stand = standing(network.requires_grad_(False).eval(), self.calls.name, forward)
        call, size = partial(drawn, self.task, stand), stored(arm, name, subject)
        return Way(arm=arm, backend=name, call=call, bytes=size, device=forward.device)


def sampler(task: Task, subject: Subject, make: Callable[[], nn.Module], wanted: Collection[str]) -> Sampler:
    """Sampler of the task's images. Raises NotApplicable if it calls several parts, or in batches of several sizes."""
    draw = partial(drawn, task)
    calls, other = called(subject.dense, draw), called(subject.dense, partial(draw, seed=OTHER))
    whole = not calls.name and alike(calls.inputs, subject.inputs)
    part = replace(
        _part(subject, calls.name),
        inputs=calls.inputs,
        calibration=subject.calibration if whole and subject.calibration is not None else other.inputs,
        alike=subject if whole else None,
        quantized=subject.quantized if whole else {},
    )
    both = {"dense": subject.dense, "masked": subject.masked}
    values = {f"{side}/{key}": value.clone() for side, net in both.items() for key, value in state(net).items()}
    sent = parcel(part, Part(make=make, name=calls.name), [calls.size])
    return Sampler(task=task, make=make, networks=pack(values), sent=sent, calls=calls, wanted=tuple(wanted))


def drawn(task: Task, network: nn.Module, seed: int = SEED) -> list[Any]:
    """All that the task draws with a network."""
    assert task.sample, "the caller has asked"
    with task.told("sample"):
        return list(task.sample(network, torch.Generator().manual_seed(seed)))


def standing(network: nn.Module, name: str, forward: Forward) -> nn.Module:
    """A copy of the network whose named part is answered by a back-end. The part puts out one tensor."""
    stand = deepcopy(network)

    def answer(*args: Any, **kwargs: Any) -> Tensor:
        return forward(given_to(args, kwargs))[0]

    stand.get_submodule(name).forward = answer
    return stand


def called(network: nn.Module, draw: Callable[[nn.Module], Sequence[Any]]) -> Calls:
    """The outermost calls of a network while it draws. Raises NotApplicable where no back-end could answer them."""
    model, seen = deepcopy(network).eval(), _Seen()
    with torch.no_grad(), seen.watching(model):
        images = len(draw(model))
    return seen.found(model, images)


class _Seen:
    """The calls that come from outside: not those that one part makes of another."""

    def __init__(self) -> None:
        self.depth, self.count, self.every = 0, 0, 1
        self.names, self.sizes = set[str](), set[int]()
        self.kept: list[Inputs] = []

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        hooks = []
        for name, part in model.named_modules():
            hooks.append(part.register_forward_pre_hook(partial(self._begins, name), with_kwargs=True))
            hooks.append(part.register_forward_hook(self._ends, always_call=True))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def found(self, model: nn.Module, images: int) -> Calls:
        if len(self.names) != 1:
            parts = ", ".join(sorted(name or "the whole" for name in self.names)) or "no part"
            raise NotApplicable(f"sample() calls {parts} of the network: a back-end answers for one part")
        if len(self.sizes) != 1 or not images:
            raise NotApplicable("sample() calls the network in batches of several sizes, or draws nothing")
        name, (first, *others) = self.names.pop(), self.kept
        if not all(alike(argument, first) for argument in others):
            raise NotApplicable("sample() calls the network now with one kind of arguments, now with another")
        if any(not argument.dim() for argument in tensors(first)):
            raise NotApplicable("sample() calls the network with a tensor that is of no example")
        with torch.no_grad():
            if not isinstance(call(model.get_submodule(name), rows(first, slice(1))), Tensor):
                raise NotApplicable("sample() calls what puts out more than one tensor")
        return Calls(name=name, size=self.sizes.pop(), count=self.count, inputs=joined(self.kept), images=images)

    def _begins(self, name: str, _: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.depth += 1
        if self.depth > 1:
            return
        given = given_to(args, kwargs)
        self.names.add(name)
        self.sizes.add(count(given))
        if self.count % self.every == 0:
            self.kept.append(tree_map(lambda x: x.clone() if isinstance(x, Tensor) else x, given))
        self.count += 1
        if len(self.kept) == 2 * KEPT:  # half of them are from all over the steps as well
            self.kept, self.every = self.kept[::2], 2 * self.every

    def _ends(self, *_: Any) -> None:
        self.depth -= 1


def _part(subject: Subject, name: str) -> Subject:
    """A part as a subject of its own, whose weights go by their names in it; what is left in fp32 stays so."""
    begins = f"{name}." if name else ""
    return Subject(
        replicate=subject.replicate,
        dense=subject.dense.get_submodule(name),
        masked=subject.masked.get_submodule(name),
        masks={key.removeprefix(begins): mask for key, mask in subject.masks.items() if key.startswith(begins)},
        inputs=subject.inputs,
        scheme=replace(
            PLAIN, left=tuple(key.removeprefix(begins) for key in subject.scheme.left if key.startswith(begins))
        ),
    )
