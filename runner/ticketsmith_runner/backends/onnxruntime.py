"""ONNX Runtime, as many threads as torch: for the dense network an opponent, and for what compaction leaves."""

from typing import Any

import torch

from ..exporting import Models
from ..subject import Subject
from . import Forward, NotApplicable
from .bound import Arrays, Bound, aligned, bound

ERRORS = 3  # of ONNX Runtime's levels of severity: warnings are for those who write models


def dense(subject: Subject) -> Forward:
    """The network as torch exports it. Raises NotApplicable."""
    library()
    return served(subject.models)


def compact(subject: Subject) -> Forward:
    """The compacted ticket, for tickets of units or channels. Raises NotApplicable."""
    library()
    from .onnx_model import models

    return served(models(subject.compacted))


def served(models: Models) -> Forward:
    """A session for each batch size. Raises NotApplicable."""
    runtime = library()
    options = runtime.SessionOptions()
    options.log_severity_level = ERRORS
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1

    def bind(model: bytes, inputs: Arrays) -> tuple[Bound, Arrays]:
        session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]
        outputs = [aligned(values) for values in session.run(None, dict(zip(names, inputs, strict=True)))]
        binding = session.io_binding()
        for name, memory in zip(names, inputs, strict=True):
            binding.bind_cpu_input(name, memory)
        for value, memory in zip(session.get_outputs(), outputs, strict=True):
            binding.bind_output(value.name, "cpu", 0, memory.dtype, list(memory.shape), memory.ctypes.data)
        return lambda: session.run_with_iobinding(binding), outputs

    return bound(models, bind)


def library() -> Any:
    """Raises NotApplicable where it is not installed."""
    try:
        import onnxruntime
    except ImportError as missing:
        raise NotApplicable(f"{missing.name} is not installed") from None
    return onnxruntime
