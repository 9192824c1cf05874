"""A torch network as the ticket runtime's, by `torch.export`: whatever its forward pass is, operator by operator.

B: samples.
"""

import operator
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from ticketsmith_runtime.folding import by_batch, numbered
from ticketsmith_runtime.network import Constant, Input, Network, Node
from ticketsmith_runtime.numerics import Numbers

from ..applicable import NotApplicable
from ..inputs import Inputs, Listed, batches, changed, tensors
from .rules import kind
from .table import RULES, WHOLE

SAMPLES = 3
"""Samples that a network is traced with: torch takes the sizes 0 and 1 for constants."""

Place = tuple[int, torch.Size, tuple[int, ...]]


def network(module: nn.Module, masks: Mapping[str, Tensor], inputs: Inputs) -> Network:
    """The network for samples like `inputs`. Masks: weight name -> bool.

    Raises NotApplicable, naming the operator that the runtime does not know, or why it cannot be traced.
    """
    owned = {_place(weight): masks[name] for name, weight in module.named_parameters() if name in masks}
    try:
        return Lowering(_exported(module, inputs, SAMPLES), owned).lowered(single=False)
    except NotApplicable:
        return Lowering(_exported(module, inputs, 1), owned).lowered(single=True)


def refilled(known: Network, module: nn.Module, masks: Mapping[str, Tensor]) -> Network:
    """The same network with another's weights, by name, so that it need not be traced again."""
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}

    def filled(constant: Constant) -> Constant:
        if constant.name is None or constant.name not in own:
            return constant
        tensor, mask = own[constant.name], masks.get(constant.name)
        return Constant(_numpy(tensor if mask is None else tensor * mask), _mask(mask), constant.name)

    return replace(known, constants=[filled(constant) for constant in known.constants])


def weights(module: nn.Module, masks: Mapping[str, Tensor]) -> Network:
    """The weights of a network that cannot be traced, by name: for who runs it with torch."""
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    constants = [
        Constant(_numpy(tensor * masks[name]) if name in masks else _numpy(tensor), _mask(masks.get(name)), name)
        for name, tensor in own.items()
    ]
    return Network(inputs=[], constants=constants, nodes=[], outputs=[])


def _mask(mask: Tensor | None) -> "NDArray[np.bool_] | None":
    return None if mask is None else mask.numpy()


def _exported(module: nn.Module, inputs: Inputs, size: int) -> Any:
    """torch's own program, in the operators of which a few are kept whole."""
    sample = changed(batches(inputs, size)[0], torch.clone)
    given = tuple(tensors(sample))
    axis = {0: torch.export.Dim.DYNAMIC}
    shapes = (tuple(axis for _ in given),) if size > 1 else None
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")
            listed = Listed(module, sample).eval()
            program = torch.export.export(listed, given, dynamic_shapes=shapes, strict=False)
            table: Any = torch.export.default_decompositions()
            for overload in WHOLE:
                table.pop(overload, None)
            return program.run_decompositions(table)
    except Exception as error:  # whatever a forward pass does with what stands for its input
        text = str(error.__cause__ or error).strip().partition("\n")[0]
        raise NotApplicable(f"torch.export cannot take it: {text[:200]}") from None


class Lowering:
    """Inputs, constants and nodes found so far; the number of each is that of its value."""

    def __init__(self, program: Any, masks: Mapping["Place", Tensor]) -> None:
        self.program, self.masks = program, masks
        self.found: list[Input | Constant | Node] = []
        self.values: dict[fx.Node, Any] = {}
        self.known: dict[Place, _Value] = {}
        """Numbers of the constants, by where a tensor lies: one that is shared is stored once."""
        self.fixed: set[int] = set()
        """Numbers of the values that depend on constants alone."""
        self.made: dict[str, _Value] = {}

    def lowered(self, single: bool) -> Network:
        """Every node of the program, one after the other."""
        signature = self.program.graph_signature
        stored = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        stored |= signature.inputs_to_lifted_tensor_constants
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                self.values[node] = self.placed(node, stored)
            elif node.op == "call_function":
                self.values[node] = self.called(node)
        puts_out = next(node for node in self.program.graph.nodes if node.op == "output").args[0]
        return numbered(self.found, [int(self.values[node]) for node in puts_out], single)

    def placed(self, node: fx.Node, stored: Mapping[str, str]) -> "_Value":
        if node.name not in stored:
            value = node.meta["val"]
            return self.add(Input(tuple(int(size) for size in value.shape[1:]), kind(value.dtype)))
        name = stored[node.name]
        tensor = self.program.state_dict.get(name)
        tensor = self.program.constants[name] if tensor is None else tensor
        if _place(tensor) not in self.known:
            mask = self.masks.get(_place(tensor))
            array = _numpy(tensor if mask is None else tensor * mask)
            self.known[_place(tensor)] = self.add(Constant(array, _mask(mask), self.owned(node.name)))
        return self.known[_place(tensor)]

    def owned(self, placeholder: str) -> str | None:
        """The name of a parameter or buffer in the network; none for a tensor that its forward pass makes."""
        signature = self.program.graph_signature
        name = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}.get(placeholder)
        return name and name.removeprefix("network.")

    def called(self, node: fx.Node) -> Any:
        if node.target is operator.getitem:
            whole, place = node.args
            return self.values[cast(fx.Node, whole)][place]
        if not isinstance(node.target, torch._ops.OpOverload):
            return self.unknown(node) if isinstance(node.meta.get("val"), Tensor) else None
        if isinstance(node.meta.get("val"), (torch.SymInt, int, type(None))):
            return None  # a size, or a check
        name = str(node.target).removeprefix("aten.").removesuffix(".default")
        rule = RULES.get(name) or RULES.get(name.partition(".")[0])
        return rule(self, node, self.arguments(node)) if rule else self.unknown(node)

    def unknown(self, node: fx.Node) -> Any:
        raise NotApplicable(f"the ticket runtime does not know {node.target}")

    def arguments(self, node: fx.Node) -> dict[str, Any]:
        """All arguments by name; tensors as numbers of values, sizes as a manifest has them."""
        arguments = {}
        for place, argument in enumerate(cast(Any, node.target)._schema.arguments):
            given = (
                node.args[place] if place < len(node.args) else node.kwargs.get(argument.name, argument.default_value)
            )
            arguments[argument.name] = self.argument(given)
        return arguments

    def argument(self, given: Any) -> Any:
        if isinstance(given, (list, tuple)):
            return [self.argument(item) for item in given]
        if not isinstance(given, fx.Node):
            return given
        value = given.meta.get("val")
        return self.values[given] if isinstance(value, Tensor) else self.size(value)

    def size(self, size: Any) -> int | str:
        """A number, or so many times B. Raises NotApplicable for anything else, so that one sample is traced alone."""
        if isinstance(size, int):
            return size
        expression = size.node.expr
        symbols = list(expression.free_symbols)
        if not symbols:
            return int(expression)
        times = expression / symbols[0]
        if len(symbols) > 1 or not times.is_Integer or times < 1:
            raise NotApplicable(f"a size is {expression}, which is no multiple of the number of samples")
        return f"{int(times)}B"

    def shape(self, node: fx.Node) -> list[int | str]:
        """The shape of what a node of the program puts out."""
        return [self.size(size) for size in node.meta["val"].shape]

    def add(self, value: Input | Constant | Node) -> "_Value":
        """The number of an input, a constant or a node that is new."""
        self.found.append(value)
        if isinstance(value, Constant):
            self.fixed.add(len(self.found) - 1)
        return _Value(len(self.found) - 1)

    def number(self, value: Any, real: bool) -> "_Value":
        """A value as it is; a number of Python as a constant, a float if that is `real`."""
        if isinstance(value, _Value):
            return value
        kind = np.bool_ if type(value) is bool else np.float32 if real or isinstance(value, float) else np.int64
        return self.add(Constant(np.asarray(value, kind)))

    def put(self, name: str, *reads: Any, **attributes: Any) -> "_Value":
        """The value of a node; that of an earlier one, if both are the same of constants."""
        node = Node(operator=name, reads=[int(read) for read in reads], attributes=attributes)
        if not all(read in self.fixed for read in node.reads) or by_batch(list(attributes.values())):
            return self.add(node)
        key = repr((name, node.reads, attributes))  # what is made of a weight twice is one value
        if key not in self.made:
            self.made[key] = self.add(node)
            self.fixed.add(self.made[key])
        return self.made[key]


class _Value(int):
    """Number of a value, told apart from a number of Python."""


def _place(tensor: Tensor) -> Place:
    return tensor.data_ptr(), tensor.shape, tensor.stride()


def _numpy(tensor: Tensor) -> Numbers:
    """In one of the types that the runtime has."""
    to = {"float": torch.float32, "int": torch.int64, "bool": torch.bool}[kind(tensor.dtype)]
    return np.asarray(tensor.detach().to(to).numpy(), order="C")
