"""A network as ONNX models, one per batch size, by torch's own exporter: whatever our tracer may think of it."""

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from .applicable import NotApplicable
from .inputs import Inputs, Listed, batches, changed, tensors

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TypeProto

SAMPLE = 3
"""Examples that a network is traced with: the sizes 0 and 1 torch takes for constants."""
LEAST = 2  # torch takes smaller sizes for constants, whatever a network does
FINITE = 1 << 31
REASON = 200  # characters of it
BATCH = 32  # examples that a model for all batch sizes is run on while it is quantized

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Models:
    """A network for the dense runtimes."""

    at: Callable[[int], Any]
    """The model for a batch size, which stands in it as a number: runtimes are fastest with that."""
    flat: Sequence[bool]
    """Inputs that it takes as (B, features), by their place."""
    whole: bytes | None = None
    """The model for all batch sizes, where one export holds for them."""

    def arrays(self, inputs: Inputs) -> list[Any]:
        """A batch as numpy's arrays, one for each input, where it lies if it can be."""
        given = tensors(inputs)
        return [(x.flatten(1) if flat else x).numpy() for x, flat in zip(given, self.flat, strict=True)]

    def changed(self, change: Callable[[bytes, int], T], fix: Callable[[T, int], Any]) -> "Models":
        """The same after a change, which is made once if one model holds for all sizes: `fix` gives it each of them.

        `change` hears in which batches the model can be run.
        """
        if self.whole is None:
            return Models(cache(lambda size: fix(change(self.at(size), size), size)), self.flat)
        changed = change(self.whole, BATCH)
        return Models(lambda size: fix(changed, size), self.flat)


def exported(network: nn.Module, inputs: Inputs) -> Models:
    """One export for all batch sizes, or one for each where the network depends on it. Raises NotApplicable."""
    return exporter(network, inputs)(network)


def exporter(network: nn.Module, inputs: Inputs) -> Callable[[nn.Module], Models]:
    """An exporter of this network and of others that differ in their weights alone, which do without most of the time.

    Raises NotApplicable.
    """
    try:
        program = _export(network, inputs, SAMPLE, dynamic=True)
    except NotApplicable:
        return lambda other: _one_by_one(other, inputs)
    named = program.model.graph.initializers.keys()

    def models(other: nn.Module) -> Models:
        weights = {f"network.{name}": value for name, value in other.state_dict().items()}
        if other is network:
            return _of_any_size(_optimized(program))
        if any(value.is_floating_point() and name not in named for name, value in weights.items()):
            return exported(other, inputs)  # a weight that two layers share has one name
        return _of_any_size(_optimized(program, weights))

    return models


def _one_by_one(network: nn.Module, inputs: Inputs) -> Models:
    single = cache(lambda size: _optimized(_export(network, inputs, size, dynamic=False)).SerializeToString())
    single(1)
    return Models(single, [False] * len(tensors(inputs)))


def _of_any_size(whole: "ModelProto") -> Models:
    flat = [unflattened(whole, place) for place in range(len(whole.graph.input))]
    return Models(lambda size: fixed(whole, size), flat, bytes(whole.SerializeToString()))


def any_size(whole: bytes, flat: Sequence[bool]) -> Models:
    """The models of an export for all batch sizes that was made elsewhere."""
    import onnx

    model = onnx.load_from_string(whole)
    return Models(lambda size: fixed(model, size), flat, whole)


def _optimized(program: "torch.onnx.ONNXProgram", weights: Mapping[str, Tensor] | None = None) -> "ModelProto":
    """The model as runtimes get it, with other weights where they are given: constants are folded, norms fused."""
    made = torch.onnx.ONNXProgram(program.model.clone(), program.exported_program)
    with silent():
        made.apply_weights({**(weights or {})})
        made.optimize()
    return made.model_proto


def _export(network: nn.Module, inputs: Inputs, size: int, dynamic: bool) -> "torch.onnx.ONNXProgram":
    try:
        with silent(), _layer_by_layer(), torch.inference_mode(False), torch.no_grad():
            sample = changed(batches(inputs, size)[0], torch.clone)
            given = tuple(tensors(sample))
            program = torch.onnx.export(
                Listed(network, sample).eval(),
                given,
                dynamo=True,
                verbose=False,
                external_data=False,
                optimize=False,  # which comes after the weights
                input_names=names(len(given)),
                dynamic_shapes=(tuple({0: torch.export.Dim.DYNAMIC} for _ in given),) if dynamic else None,
            )
    except ImportError as missing:
        raise NotApplicable(f"{missing.name} is not installed") from None
    except Exception as error:  # whatever a forward pass does with what stands for its input
        text = str(error.__cause__ or error).strip().partition("\n")[0]
        raise NotApplicable(f"torch.onnx.export cannot take it: {text[:REASON]}") from None
    assert program is not None
    if dynamic and not _any_size(program.exported_program):
        raise NotApplicable("what it computes depends on the batch size")
    return program


def names(count: int) -> list[str]:
    """Names of a model's inputs, in the order of the network's."""
    return [f"inputs{place or ''}" for place in range(count)]


def _any_size(program: "torch.export.ExportedProgram | None") -> bool:
    """The export holds for every batch size: no branch was taken because of it."""
    ranges = program.range_constraints.values() if program else []
    return all(bool(sizes.lower <= LEAST) and bool(sizes.upper > FINITE) for sizes in ranges)


@contextmanager
def _layer_by_layer() -> Iterator[None]:
    """No Transformer layer of torch is one operation, which no other runtime has."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def silent() -> Iterator[None]:
    """Exporters and quantizers say nothing: one that fails prints what it had until then, another one draws bars."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def fixed(model: "ModelProto", size: int) -> bytes:
    """The model for one batch size."""
    made = type(model)()
    made.CopyFrom(model)
    del made.graph.value_info[:]
    batch = {_shape(value.type)[0].dim_param for value in made.graph.input}
    for value in (*made.graph.input, *made.graph.output):
        for axis in _shape(value.type):
            if axis.dim_param in batch and axis.dim_param:
                axis.dim_value = size
    return bytes(made.SerializeToString())


def unflattened(model: "ModelProto", place: int) -> bool:
    """Let the input at `place` be (B, features) where the network flattens it at once: it comes that way already."""
    value = model.graph.input[place]
    shape = _shape(value.type)
    features = math.prod(axis.dim_value for axis in shape[1:])
    readers = [node for node in model.graph.node if value.name in node.input]
    if len(readers) != 1 or not _flattens(model, readers[0], features):
        return False
    for node in model.graph.node:
        node.input[:] = [value.name if name == readers[0].output[0] else name for name in node.input]
    forms = [tensor for tensor in model.graph.initializer if tensor.name in readers[0].input[1:]]
    model.graph.node.remove(readers[0])
    if forms and not any(forms[0].name in node.input for node in model.graph.node):
        model.graph.initializer.remove(forms[0])
    del shape[1:]
    shape.add().dim_value = features
    return True


def _flattens(model: "ModelProto", node: "NodeProto", features: int) -> bool:
    from onnx import numpy_helper

    if node.output[0] in {value.name for value in model.graph.output}:
        return False
    if node.op_type == "Flatten":
        return all(attribute.i == 1 for attribute in node.attribute)
    to = [tensor for tensor in model.graph.initializer if node.op_type == "Reshape" and tensor.name == node.input[1]]
    return [numpy_helper.to_array(tensor).tolist() for tensor in to] == [[-1, features]]


def _shape(kind: "TypeProto") -> Any:
    return kind.tensor_type.shape.dim
