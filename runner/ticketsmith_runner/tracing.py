"""A network out of torch as the ticket runtime's graph: normalization is folded, weights outside masks are zero."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from ticketsmith_runtime.chain import Layer
from ticketsmith_runtime.graph import Conv, Graph, Node, Plane, Pool

from .applicable import NotApplicable
from .compaction import layer

ADDITIONS = {operator.add, operator.iadd, torch.add, "add", "add_"}
GELUS = {functional.gelu}
RECTIFIERS = {torch.relu, functional.relu, "relu", "relu_"}


def graph(network: nn.Module, masks: Mapping[str, Tensor], shape: Sequence[int]) -> Graph:
    """The network for samples of `shape`, (channels, rows, columns) or less. Masks: weight name -> bool.

    Raises NotApplicable, naming the operation, if it has others than Conv2d, Linear, BatchNorm2d, ReLU, GELU, pooling,
    addition and Flatten, or uses a sum twice before its ReLU.
    """
    try:
        traced = fx.symbolic_trace(network)
    except Exception as error:  # whatever a forward pass does with what stands for its input
        raise NotApplicable(f"the network cannot be traced: {error}") from None
    weights = dict(network.named_parameters())  # one that is shared has one name, and one mask
    owned = {id(weights[name]): mask for name, mask in masks.items()}
    tracer = _Tracer(dict(network.named_modules()), owned, _plane(shape))
    for node in traced.graph.nodes:
        tracer.step(node)
    runtime_graph = Graph(tracer.shapes[0], tracer.nodes)
    try:
        runtime_graph.shapes()
    except ValueError as error:
        raise NotApplicable(str(error)) from None
    return runtime_graph


def _plane(shape: Sequence[int]) -> Plane:
    """Fewer than three axes are the last ones: a vector is a plane of one line."""
    if len(shape) > 3:
        raise NotApplicable(f"a sample has {len(shape)} axes, three is the most")
    return Plane(*(1,) * (3 - len(shape)), *shape)


@dataclass(frozen=True)
class _Value:
    number: int
    flat: bool
    """True if it is what Flatten leaves, (B, features)."""


class _Tracer:
    def __init__(self, modules: dict[str, nn.Module], masks: Mapping[int, Tensor], inputs: Plane) -> None:
        self.modules, self.masks = modules, masks
        self.nodes: list[Node] = []
        self.shapes = [inputs]
        self.values: dict[fx.Node, _Value] = {}
        self.modes: dict[type[nn.Module], Callable[[fx.Node, Any], _Value]] = {
            nn.Conv2d: self.convolution,
            nn.Linear: self.linear,
            nn.BatchNorm2d: self.normalization,
            nn.ReLU: lambda node, _: self.bent(node, relu=True),
            nn.GELU: lambda node, module: self.curved(node, module.approximate),
            nn.MaxPool2d: self.largest,
            nn.AvgPool2d: self.mean,
            nn.AdaptiveAvgPool2d: self.mean_of_all,
            nn.Flatten: self.flat,
            nn.Identity: lambda node, _: self.read(node),
            nn.Dropout: lambda node, _: self.read(node),
        }

    def step(self, node: fx.Node) -> None:
        if node.op == "placeholder" and not self.values:
            self.values[node] = _Value(0, flat=False)
        elif node.op == "output":
            if not isinstance(node.args[0], fx.Node) or self.values[node.args[0]].number != len(self.nodes):
                raise NotApplicable("the network does not end in what it computes last")
        else:
            self.values[node] = self.computed(node)

    def computed(self, node: fx.Node) -> _Value:
        if node.op == "call_module":
            module = self.modules[str(node.target)]
            if mode := self.modes.get(type(module)):  # a subclass may compute something else
                return mode(node, module)
            raise NotApplicable(f"module {node.target!r} is a {type(module).__name__}")
        if node.target in ADDITIONS and not node.kwargs and len(node.args) == 2:
            return self.added(node)
        if node.target in RECTIFIERS:
            return self.bent(node, relu=True)
        if node.target in GELUS:
            return self.curved(node, str(node.kwargs.get("approximate", "none")))
        if node.target in ("flatten", torch.flatten) and node.args[1:] in ((1,), (1, -1)) and not node.kwargs:
            return replace(self.read(node), flat=True)
        raise NotApplicable(f"the network does {getattr(node.target, '__name__', node.target)} in its forward pass")

    def read(self, node: fx.Node, position: int = 0) -> _Value:
        value = self.values.get(node.args[position]) if len(node.args) > position else None  # type: ignore[arg-type]
        if value is None:
            raise NotApplicable(f"{node.name} reads a value that is not one of the network's")
        return value

    def put(self, node: Node) -> _Value:
        self.nodes.append(node)
        self.shapes.append(node.shape(self.shapes[node.reads]))
        return _Value(len(self.nodes), flat=False)

    def convolution(self, node: fx.Node, module: nn.Conv2d) -> _Value:
        plain = (module.groups, module.dilation, module.padding_mode) == (1, (1, 1), "zeros")
        square = len(set(module.stride)) == 1 and isinstance(module.padding, tuple) and len(set(module.padding)) == 1
        if not plain or not square:
            raise NotApplicable(f"module {node.target!r} has groups, dilation, or unequal strides or paddings")
        kernel, padding = (module.kernel_size[0], module.kernel_size[1]), int(module.padding[0])
        return self.put(
            Conv(
                layer=self.layer(node, module),
                kernel=kernel,
                stride=module.stride[0],
                padding=padding,
                reads=self.read(node).number,
            )
        )

    def linear(self, node: fx.Node, module: nn.Linear) -> _Value:
        value = self.read(node)
        plane = self.shapes[value.number]
        if not value.flat and plane.channels * plane.height > 1 and plane.height * plane.width > 1:
            raise NotApplicable(f"module {node.target!r} reads a plane that was not flattened")
        return replace(
            self.put(Conv(layer=self.layer(node, module), kernel=(plane.height, plane.width), reads=value.number)),
            flat=True,
        )

    def layer(self, node: fx.Node, module: nn.Conv2d | nn.Linear) -> Layer:
        return layer(module, self.masks.get(id(module.weight)))

    def normalization(self, node: fx.Node, module: nn.BatchNorm2d) -> _Value:
        conv, value = self.open(node)
        if module.running_mean is None or module.running_var is None or conv.adds is not None:
            raise NotApplicable(f"module {node.target!r} normalizes what cannot be folded into a convolution")
        return self.changed(value, replace(conv, layer=_normalized(conv.layer, module)))

    def bent(self, node: fx.Node, relu: bool = False, gelu: bool = False) -> _Value:
        conv, value = self.open(node)
        return self.changed(value, replace(conv, layer=replace(conv.layer, relu=relu, gelu=gelu)))

    def curved(self, node: fx.Node, approximate: str) -> _Value:
        if approximate != "none":
            raise NotApplicable(f"{node.name} is another function than GELU, which it is near to: {approximate}")
        return self.bent(node, gelu=True)

    def added(self, node: fx.Node) -> _Value:
        """The later one of both adds the other to its sums."""
        sides = sorted((self.read(node, 0), self.read(node, 1)), key=lambda value: value.number)
        conv = self.nodes[sides[1].number - 1] if sides[1].number else None
        if not isinstance(conv, Conv) or conv.layer.bent or conv.adds is not None or not self.alone(node, sides[1]):
            raise NotApplicable(f"{node.name} adds what no convolution puts out for it alone")
        return self.changed(sides[1], replace(conv, adds=sides[0].number))

    def open(self, node: fx.Node) -> tuple[Conv, _Value]:
        """The convolution that `node` reads, if nothing else does and nothing came between."""
        value = self.read(node)
        conv = self.nodes[value.number - 1] if value.number else None
        if not isinstance(conv, Conv) or conv.layer.bent or not self.alone(node, value):
            raise NotApplicable(f"{node.name} follows no convolution or Linear that serves it alone")
        return conv, value

    def alone(self, node: fx.Node, value: _Value) -> bool:
        """Tell whether `node` alone reads a value, under whatever name. Flatten and the like give it another one."""
        same = {alias for alias, known in self.values.items() if known.number == value.number}
        return all(user is node or user in same for alias in same for user in alias.users)

    def changed(self, value: _Value, conv: Conv) -> _Value:
        self.nodes[value.number - 1] = conv
        return value

    def largest(self, node: fx.Node, module: nn.MaxPool2d) -> _Value:
        if module.padding not in (0, (0, 0)) or module.dilation not in (1, (1, 1)) or module.ceil_mode:
            raise NotApplicable(f"module {node.target!r} pools with padding, dilation or ceil_mode")
        return self.pooled(node, "max", module.kernel_size, module.stride)

    def mean(self, node: fx.Node, module: nn.AvgPool2d) -> _Value:
        if module.padding not in (0, (0, 0)) or module.ceil_mode or module.divisor_override:
            raise NotApplicable(f"module {node.target!r} pools with padding, ceil_mode or a divisor")
        return self.pooled(node, "mean", module.kernel_size, module.stride)

    def mean_of_all(self, node: fx.Node, module: nn.AdaptiveAvgPool2d) -> _Value:
        plane = self.shapes[self.read(node).number]
        if module.output_size not in (1, (1, 1)) or plane.height != plane.width:
            raise NotApplicable(f"module {node.target!r} is no mean of a whole square plane")
        return self.pooled(node, "mean", plane.height, 1)

    def pooled(self, node: fx.Node, kind: Any, size: Any, stride: Any) -> _Value:
        sizes, strides = ({extent} if isinstance(extent, int) else set(extent) for extent in (size, stride))
        if len(sizes) > 1 or len(strides) > 1:
            raise NotApplicable(f"module {node.target!r} pools rectangles")
        return self.put(Pool(kind, sizes.pop(), strides.pop(), self.read(node).number))

    def flat(self, node: fx.Node, module: nn.Flatten) -> _Value:
        if (module.start_dim, module.end_dim) != (1, -1):
            raise NotApplicable(f"module {node.target!r} ({module}) flattens other axes than all of a sample")
        return replace(self.read(node), flat=True)


def _normalized(layer: Layer, module: nn.BatchNorm2d) -> Layer:
    """In float64, rounded once."""
    assert module.running_mean is not None and module.running_var is not None
    ones = torch.ones_like(module.running_mean)
    gain, shift = (
        tensor.detach().double() for tensor in ((module.weight, module.bias) if module.affine else (ones, 0 * ones))
    )
    scale_O = gain / (module.running_var.double() + module.eps).sqrt()
    bias_O = (torch.from_numpy(layer.bias_O).double() - module.running_mean.double()) * scale_O + shift
    weight_OI = torch.from_numpy(layer.weight_OI).double() * scale_O[:, None]
    return replace(layer, weight_OI=weight_OI.float().numpy(), bias_O=bias_O.float().numpy())
