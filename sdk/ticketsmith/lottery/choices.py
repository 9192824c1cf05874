"""Names that a spec may hold, as a user writes them. A contract test holds them to what the runner has."""

from collections.abc import Sequence
from difflib import get_close_matches

CRITERIA = ("magnitude",)
"""By what weights are ranked: a file in the runner's `criteria/` each."""

GRANULARITIES = ("two-of-four", "unit", "vector", "weight", "window")
"""Pieces that are removed as one: a file in `granularities/` each."""

TRAINERS = ("csr-mlp", "dense-mlp", "eager", "stack")
"""Who makes the updates, besides `auto`: a file in `trainers/` each."""

BACKENDS = (
    "codegen",
    "compact",
    "compact-onnxruntime",
    "compiled",
    "cuda",
    "cuda-compact",
    "cuda-compact-half",
    "cuda-half",
    "cuda-semi24",
    "datadriven",
    "masked",
    "mixed",
    "onnxruntime",
    "onnxruntime-dynamic",
    "onnxruntime-static",
    "openvino",
    "openvino-bf16",
    "openvino-int8",
    "operators",
    "own-dense",
    "pell",
    "pell19",
    "pytorch",
    "runtime-int8",
    "ticket-int8",
    "vectors",
    "windows",
)
"""Who answers with a network, to be timed: those of `backends.every()`."""
TICKET_IN_INT8 = "ticket-int8"
"""The one of them that is judged beside the ticket, as another network."""
DENSE_IN_INT8 = "runtime-int8"
"""The one that makes the dense network's tokens in int8; a forward pass of it is timed where it is asked for."""


def guess(name: str, choices: Sequence[str]) -> str:
    """`did you mean 'x'? `, or nothing if no choice is near."""
    near = get_close_matches(name, choices, n=1)
    return f"did you mean {near[0]!r}? " if near else ""
