"""A ticket inside a network of torch: its Linears and convolutions in sparse code, everything else torch's.

from ticketsmith_runtime.torch import accelerate
model = accelerate(model, "my.ticket")
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .int8.quantization import precision
from .kernels._isa import Isa, widest
from .layers import Rows, planes, sparse
from .llvm import Machine
from .network import Constant, Network
from .package import read
from .places import Loop


def accelerate(module: nn.Module, package: str | Path, machine: Machine | None = None) -> nn.Module:
    """The module with the ticket's weights, which share the package's memory, and sparse code for those under a mask.

    It is changed in place, put into eval mode, and returned. Raises BadPackage; ValueError if the package is of another
    network, in int8, or of one whose weights have no names.
    """
    graph = read(Path(package)).graph
    if isinstance(graph, Network) and precision(graph) != "float32":
        raise ValueError("the package is in int8, which torch's layers are not: `load` runs it whole")
    weights = {weight.name: weight for weight in graph.constants if weight.name} if isinstance(graph, Network) else {}
    if not weights:
        raise ValueError("the package names no weights: it holds a graph of convolutions, which `load` runs whole")
    own = _filled(module, weights)
    machine = machine or Machine.host()
    if isa := widest(machine):
        for name, layer in list(module.named_modules()):
            if (made := _made(layer, own.get(id(getattr(layer, "weight", None))), isa, machine)) is not None:
                _replaced(module, name, made)
    return module.eval().requires_grad_(False)


def _filled(module: nn.Module, weights: dict[str, Constant]) -> dict[int, Constant]:
    """Constants by the identity of the parameter that they are in the module: one that is tied has several names.

    Raises ValueError, naming what does not fit, before anything is changed.
    """
    own = {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }
    strange = [
        name for name, weight in weights.items() if name not in own or tuple(own[name].shape) != weight.array.shape
    ]
    if strange:
        raise ValueError(f"the package is of another network: this one has no {', '.join(strange[:3])} of that shape")
    with torch.no_grad():
        for name, weight in weights.items():
            own[name].data = torch.from_numpy(weight.array).to(own[name].dtype)
    return {id(own[name]): weight for name, weight in weights.items()}


def _made(layer: nn.Module, weight: Constant | None, isa: Isa, machine: Machine) -> nn.Module | None:
    """Sparse code for a layer; None where there is none, or no mask, or too few zeros."""
    if weight is None or not sparse(weight) or type(layer) not in (nn.Linear, nn.Conv2d):
        return None
    bias = None if layer.bias is None else Constant(layer.bias.detach().numpy())  # type: ignore[operator]
    if isinstance(layer, nn.Linear):
        return Sparse(layer, Rows(weight, bias, isa, machine))
    assert isinstance(layer, nn.Conv2d)
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        return None
    geometry = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "groups": layer.groups}
    return Sparse(layer, planes(weight, bias, geometry, Loop(isa, machine)))


class Sparse(nn.Module):
    """A layer whose outputs come from sparse code, for float32 on the CPU; anything else is left to the layer."""

    def __init__(self, layer: nn.Module, run: Callable[[Any], Any]) -> None:
        super().__init__()
        self.layer, self._run = layer, run

    def forward(self, x: Tensor) -> Tensor:
        """The layer's outputs."""
        if x.dtype != torch.float32 or x.device.type != "cpu" or x.requires_grad or self.training or x.dim() < 2:
            return self.layer(x)  # type: ignore[no-any-return]
        return torch.from_numpy(self._run(x.detach().numpy()))

    def __getattr__(self, name: str) -> Any:
        """Attributes of the layer: a forward pass may ask for its weight or its sizes."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("layer"), name)


def layers(module: nn.Module) -> Iterator[str]:
    """Names of the layers that sparse code computes."""
    return (name for name, layer in module.named_modules() if isinstance(layer, Sparse))


def _replaced(module: nn.Module, name: str, made: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, made)
