"""Networks, masks, back-ends and a clock made for tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ticketsmith_runner.backends import Forward, Kind
from ticketsmith_runner.inputs import Inputs
from ticketsmith_runner.subject import Subject

Masks = dict[str, Tensor]
Pair = tuple[nn.Sequential, nn.Sequential, Masks]


TICKET = Kind()


@dataclass
class Clock:
    """Stands still unless told. `events` holds "clock" for every look at it, and what others add."""

    now: float = 0.0
    events: list[str] = field(default_factory=list)

    def __call__(self) -> float:
        self.events.append("clock")
        return self.now


@dataclass(frozen=True)
class Fake:
    """A back-end that does what it is given."""

    make: Callable[[nn.Module, nn.Module, Masks], Callable[[Tensor], Tensor]]
    KIND: Kind = TICKET

    def build(self, subject: Subject) -> Forward:
        return Forward(self.make(subject.dense, subject.masked, subject.masks))


def _chain(widths: Sequence[int], keep: Sequence[Tensor] | float, seed: int = 0) -> Pair:
    """A random dense MLP, another one under masks, and the masks. `keep`: a density, or one bool (O, I) per Linear."""
    generator = torch.Generator().manual_seed(seed)
    shapes = list(zip(widths[1:], widths, strict=False))
    alive = [torch.rand(s, generator=generator) < keep for s in shapes] if isinstance(keep, float) else list(keep)
    dense, masked = (_mlp(shapes, generator) for _ in range(2))
    masks = {f"{1 + 2 * i}.weight": mask for i, mask in enumerate(alive)}
    state = masked.state_dict()
    masked.load_state_dict(
        {name: state[name].where(masks[name], 0.0) if name in masks else state[name] for name in state}
    )
    return dense, masked, masks


def _mlp(shapes: list[tuple[int, int]], generator: torch.Generator) -> nn.Sequential:
    modules: list[nn.Module] = [nn.Flatten()]
    for units, inputs in shapes:
        modules += [nn.Linear(inputs, units), nn.ReLU()]
    network = nn.Sequential(*modules[:-1])
    state = {name: torch.randn(value.shape, generator=generator) for name, value in network.state_dict().items()}
    network.load_state_dict(state)
    return network.requires_grad_(False).eval()


@pytest.fixture(scope="session")
def chain() -> Callable[..., Pair]:
    return _chain


class Residual(nn.Module):
    """A stem, a block with a projection, a block without, and a Linear: all that a graph can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.first, self.short = nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.Conv2d(8, 12, 1, stride=2)
        self.second, self.norm = nn.Conv2d(12, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12)
        self.end = nn.Sequential(nn.AvgPool2d(3), nn.Flatten(), nn.Linear(12, 4))

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.stem(inputs)
        x = relu(self.first(x) + self.short(x))
        x = torch.relu(x + self.norm(self.second(x)))
        return cast(Tensor, self.end(x))


def _residual(density: float, seed: int = 0) -> tuple[nn.Module, nn.Module, Masks]:
    """Two random ones, the second under masks, and the masks."""
    generator = torch.Generator().manual_seed(seed)
    dense, masked = (Residual().requires_grad_(False).eval() for _ in range(2))
    for network in (dense, masked):
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                drawn = torch.randn(tensor.shape, generator=generator) / max(1, tensor[0].numel()) ** 0.5
                tensor.copy_(drawn.abs() + 0.5 if name.endswith("var") else drawn)
    masks = {
        name: torch.rand(weight.shape, generator=generator) < density
        for name, weight in masked.named_parameters()
        if weight.dim() > 1
    }
    for name, mask in masks.items():
        masked.get_parameter(name).mul_(mask)
    return dense, masked, masks


@pytest.fixture(scope="session")
def residual() -> Callable[..., tuple[nn.Module, nn.Module, Masks]]:
    return _residual


def _subject(dense: nn.Module, masked: nn.Module, masks: Masks, inputs: Inputs) -> Subject:
    return Subject(replicate=0, dense=dense, masked=masked, masks=masks, inputs=inputs)


@pytest.fixture(scope="session")
def subject_for() -> Callable[..., Subject]:
    """A subject from a pair and its inputs."""
    return _subject


@pytest.fixture(scope="session")
def fake() -> type[Fake]:
    return Fake


@pytest.fixture
def clock() -> Clock:
    return Clock()
