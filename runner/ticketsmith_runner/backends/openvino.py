"""OpenVINO for the dense network, as many threads as torch: an opponent that a ticket has to beat."""

from functools import cache
from typing import Any

import torch

from ..exporting import Models, names
from ..subject import Subject
from . import Forward, NotApplicable
from .bound import Arrays, Bound, aligned, bound

OPTIONS = {"NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}


def dense(subject: Subject, precision: str) -> Forward:
    """The network as torch exports it, in a precision by OpenVINO's name for it. Raises NotApplicable."""
    core()
    return served(subject.models, precision)


def served(models: Models, precision: str) -> Forward:
    """A request for each batch size. What a model has in int8 stays in it, whatever the precision of the rest."""
    runtime = core()
    options = OPTIONS | {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}

    def bind(model: Any, inputs: Arrays) -> tuple[Bound, Arrays]:
        from openvino import Tensor

        read = runtime.read_model(model) if isinstance(model, bytes) else model
        request = runtime.compile_model(read, "CPU", options).create_infer_request()
        for name, memory in zip(names(len(inputs)), inputs, strict=True):
            if name in ports(read):
                request.set_tensor(name, Tensor(memory, shared_memory=True))
        request.infer()
        outputs = [aligned(tensor.data) for tensor in request.output_tensors]
        for place, memory in enumerate(outputs):
            request.set_output_tensor(place, Tensor(memory, shared_memory=True))
        return lambda: request.infer(), outputs

    return bound(models, bind)


def ports(model: Any) -> set[str]:
    """Names of the inputs that a model of OpenVINO's has: those that the network takes and does not read are gone."""
    return {name for value in model.inputs for name in value.names}


def dense_bf16(subject: Subject) -> Forward:
    """The same in bfloat16. Raises NotApplicable where the processor has no products of it, too."""
    if "BF16" not in capabilities():
        raise NotApplicable("this processor has no products of bfloat16: no faster than fp32")
    return dense(subject, "bf16")


def capabilities() -> list[str]:
    """OpenVINO's words for what this processor is good at. Raises NotApplicable."""
    words: list[str] = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return words


@cache
def core() -> Any:
    """OpenVINO itself. Raises NotApplicable where it is not installed."""
    try:
        import openvino
    except ImportError as missing:
        raise NotApplicable(f"{missing.name} is not installed") from None
    return openvino.Core()
