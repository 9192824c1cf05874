"""Inference with a ticket package: numpy, llvmlite and safetensors, no torch.

from ticketsmith_runtime import load
model = load("my.ticket")
outputs = model(inputs)
"""

from .foreign import keep_out

keep_out(__name__)  # before numpy is looked for

from .model import Model, load  # noqa: E402
from .network_model import NetworkModel  # noqa: E402
from .package import BadPackage  # noqa: E402

__all__ = ["BadPackage", "Model", "NetworkModel", "load"]
