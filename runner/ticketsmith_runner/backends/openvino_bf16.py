"""The dense network in OpenVINO, bfloat16: what dense kernels give who does not need 32 bits."""

from collections.abc import Sequence

from torch import Tensor, nn

from . import Forward, Kind, NotApplicable
from .openvino import capabilities, opponent

KIND = Kind(dense=True, precision="bfloat16")


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The dense network. Raises NotApplicable where the processor has no products of bfloat16, too."""
    if "BF16" not in capabilities():
        raise NotApplicable("this processor has no products of bfloat16: no faster than fp32")
    return opponent(dense, shape, "bf16")
