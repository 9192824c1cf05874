"""Names that a spec may hold, as a user writes them. A contract test holds them to what the runner has."""

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
    "openvino",
    "openvino-bf16",
    "own-dense",
    "pell",
    "pell19",
    "pytorch",
    "vectors",
)
"""Who answers with a network, to be timed: those of `backends.every()`."""
