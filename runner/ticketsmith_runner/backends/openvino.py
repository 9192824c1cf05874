"""The dense network in OpenVINO, fp32, as many threads as torch: an opponent that a ticket has to beat."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..tracing import graph
from . import Forward, Kind, NotApplicable
from ._bound import Bound, bound

KIND = Kind(dense=True)
OPTIONS = {"NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The dense network. Raises NotApplicable where it cannot be traced, or the package is missing."""
    return opponent(dense, shape, "f32")


def opponent(dense: nn.Module, shape: Sequence[int], precision: str) -> Forward:
    """In OpenVINO's word for a precision. Raises NotApplicable."""
    traced, core = graph(dense, {}, shape), _core()
    try:
        import openvino

        from ._onnx import model
    except ImportError as missing:
        raise NotApplicable(f"{missing.name} is not installed") from None
    options = OPTIONS | {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}

    def bind(inputs: NDArray[np.float32], outputs: NDArray[np.float32]) -> Bound:
        network = core.read_model(model(traced))
        network.reshape(list(inputs.shape))  # a fixed size is what it is fastest with
        request = core.compile_model(network, "CPU", options).create_infer_request()
        request.set_input_tensor(openvino.Tensor(inputs, shared_memory=True))
        request.set_output_tensor(openvino.Tensor(outputs, shared_memory=True))
        return lambda: request.infer()

    return bound(traced, bind)


def capabilities() -> list[str]:
    """What OpenVINO says of this processor. Raises NotApplicable."""
    found: list[str] = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return found


@cache
def _core() -> Any:
    try:
        import openvino
    except ImportError as missing:
        raise NotApplicable(f"{missing.name} is not installed") from None
    return openvino.Core()
