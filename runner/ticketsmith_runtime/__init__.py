"""Inference with a ticket package: numpy, llvmlite and safetensors, no torch.

from ticketsmith_runtime import load
model = load("my.ticket")
outputs = model(inputs)
"""

from .model import Model, load
from .package import BadPackage

__all__ = ["BadPackage", "Model", "load"]
