"""The dense network in ONNX Runtime, as many threads as torch: an opponent that a ticket has to beat."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ticketsmith_runtime.graph import Graph

from ..tracing import graph
from . import Forward, Kind, NotApplicable
from ._bound import Bound, bound

KIND = Kind(dense=True)


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The dense network. Raises NotApplicable where it cannot be traced, or the package is missing."""
    return served(graph(dense, {}, shape))


def served(traced: Graph) -> Forward:
    """Any graph. Raises NotApplicable."""
    try:
        import onnxruntime

        from ._onnx import model
    except ImportError as missing:
        raise NotApplicable(f"{missing.name} is not installed") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    session = onnxruntime.InferenceSession(model(traced), options, providers=["CPUExecutionProvider"])

    def bind(inputs: NDArray[np.float32], outputs: NDArray[np.float32]) -> Bound:
        binding = session.io_binding()
        binding.bind_cpu_input("inputs", inputs)
        binding.bind_output("outputs", "cpu", 0, np.float32, list(outputs.shape), outputs.ctypes.data)
        return lambda: session.run_with_iobinding(binding)

    return bound(traced, bind)
