"""Every back-end: its name, its part in the comparison, and how it is built of a subject. A new one is a line."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ticketsmith.lottery.choices import DENSE_IN_INT8, TICKET_IN_INT8

from ..inputs import caller
from ..subject import Subject
from . import Backend, Forward, Kind, compiled, cuda_semi24, int8, mixed, onnxruntime, openvino, own_dense, vectors
from .cuda import captured
from .ticket import dense_in_int8, in_int8, operators, single, tiled


@dataclass(frozen=True)
class Row:
    """A back-end of one expression."""

    KIND: Kind
    build: Callable[[Subject], Forward]


TICKET, DENSE, INT8 = Kind(), Kind(dense=True), Kind(dense=True, precision="int8")
HALF, DENSE_HALF = Kind(precision="float16", asked=True), Kind(dense=True, precision="float16")

BACKENDS: dict[str, Backend] = {
    # The dense network: opponents, and our own loops as a control.
    "pytorch": Row(DENSE, lambda s: Forward(caller(s.dense, s.inputs))),
    "compiled": compiled,
    "onnxruntime": Row(DENSE, onnxruntime.dense),
    "openvino": Row(DENSE, lambda s: openvino.dense(s, "f32")),
    "onnxruntime-dynamic": Row(INT8, int8.dynamic),
    "onnxruntime-static": Row(INT8, int8.static),
    "openvino-int8": Row(INT8, int8.nncf),
    DENSE_IN_INT8: Row(Kind(dense=True, precision="int8", asked=True), dense_in_int8),
    "openvino-bf16": Row(Kind(dense=True, precision="bfloat16"), openvino.dense_bf16),
    "own-dense": own_dense,
    "cuda": Row(DENSE, lambda s: captured(lambda: s.dense, torch.float32)),
    "cuda-half": Row(DENSE_HALF, lambda s: captured(lambda: s.dense, torch.float16)),
    # The ticket in dense kernels: as it is, a control, and compacted.
    "masked": Row(Kind(control=True), lambda s: Forward(caller(s.masked, s.inputs))),
    "compact": Row(TICKET, lambda s: Forward(s.compact)),
    "compact-onnxruntime": Row(TICKET, onnxruntime.compact),
    "cuda-compact": Row(TICKET, lambda s: captured(lambda: s.compact, torch.float32)),
    "cuda-compact-half": Row(HALF, lambda s: captured(lambda: s.compact, torch.float16)),
    # The ticket in kernels for what is not there.
    "codegen": Row(TICKET, lambda s: tiled(s.compacted, "codegen")),
    "datadriven": Row(TICKET, lambda s: tiled(s.compacted, "datadriven")),
    "mixed": mixed,
    "pell": Row(TICKET, lambda s: single(s.compacted, "pell")),
    "pell19": Row(Kind(precision="float32 of 19 bits", asked=True), lambda s: single(s.compacted, "pell19")),
    "vectors": vectors,
    "windows": Row(TICKET, lambda s: single(s.compacted, "windows")),
    "operators": Row(TICKET, operators),
    TICKET_IN_INT8: Row(Kind(precision="int8"), in_int8),
    "cuda-semi24": cuda_semi24,
}
