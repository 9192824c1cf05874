"""Networks, masks, back-ends and a clock made for tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from ticketsmith_runner.backends import Forward

Masks = dict[str, Tensor]
Pair = tuple[nn.Sequential, nn.Sequential, Masks]


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
    DENSE: bool = False

    def build(self, dense: nn.Module, masked: nn.Module, masks: Masks) -> Forward:
        return Forward(self.make(dense, masked, masks))


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


@pytest.fixture(scope="session")
def fake() -> type[Fake]:
    return Fake


@pytest.fixture
def clock() -> Clock:
    return Clock()
