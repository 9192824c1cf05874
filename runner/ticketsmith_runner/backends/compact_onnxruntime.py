"""Exact compaction, and ONNX Runtime's dense kernels for what is left: for tickets of units or channels."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..tracing import graph
from . import Forward, Kind
from ._ticket import compacted
from .onnxruntime import served

KIND = Kind()


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    return served(compacted(graph(masked, masks, shape)))
