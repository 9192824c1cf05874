"""Opponents that run fastest on memory which they were given beforehand: one request per batch size.

A batch is copied into that memory, which costs less than to hand over another piece of memory with every call.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exporting import Models
from . import Forward

Arrays = list[NDArray[Any]]
LINE = 64  # bytes of a cache line
Bound = Callable[[], object]
"""Computes the outputs in their memory from the inputs in theirs."""


def bound(models: Models, bind: Callable[[bytes, Arrays], tuple[Bound, Arrays]]) -> Forward:
    """A forward pass over `bind`(model, memory of the inputs), which is called once per batch size."""
    answers: dict[int, Callable[[Arrays], Any]] = {}

    def request(batch: Arrays) -> Callable[[Arrays], Any]:
        size, inputs = len(batch[0]), [aligned(values) for values in batch]
        run, outputs = bind(models.at(size), inputs)
        single = len(inputs) == len(outputs) == 1
        answers[size] = _single(inputs[0], run, outputs[0]) if single else _several(inputs, run, outputs)
        return answers[size]

    def call(batch: Arrays) -> Any:
        return (answers.get(len(batch[0])) or request(batch))(batch)

    return Forward(call, models.arrays)


def _single(memory: NDArray[Any], run: Bound, output: NDArray[Any]) -> Callable[[Arrays], NDArray[Any]]:
    """One input and one output, without the loops: at one example a microsecond counts."""

    def answer(batch: Arrays) -> NDArray[Any]:
        np.copyto(memory, batch[0])
        run()
        return output.copy()

    return answer


def _several(inputs: Arrays, run: Bound, outputs: Arrays) -> Callable[[Arrays], Arrays]:
    def answer(batch: Arrays) -> Arrays:
        for memory, values in zip(inputs, batch, strict=True):
            np.copyto(memory, values)
        run()
        return [values.copy() for values in outputs]

    return answer


def aligned(values: NDArray[Any]) -> NDArray[Any]:
    """A copy that begins with a cache line, as the memory does that runtimes make for themselves."""
    raw = np.empty(values.nbytes + LINE, np.uint8)
    first = -raw.ctypes.data % LINE
    memory: NDArray[Any] = raw[first : first + values.nbytes].view(values.dtype).reshape(values.shape)
    memory[...] = values
    return memory
