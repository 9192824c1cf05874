"""From the nodes of a network to the calls of a tape: a rule for each operator that code knows for one token.

A rule records calls, and tells whether it did; what it leaves is numpy's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .along import Cut
from .between import Norm
from .int8.rows import Rows
from .layers import WIDE
from .layers import Rows as Floats
from .moves import MOVES, moved, placed, same, shifted
from .numerics import Numbers
from .recording import Played, Recorder, Rule
from .sizes import Shape
from .tape import At, Word
from .tape_code import BENT, COMBINED


def row(recorder: Recorder, played: Played) -> bool:
    """A row of a table, in floats, or in steps with a step for each row."""
    eight = played.step.node.operator == "embedding8"
    arrays = [recorder.fixed(played, read) for read in ((1, 2) if eight else (0,))]
    tables = [table for table in arrays if table is not None and table.flags.c_contiguous]
    ours = played.step.node.reads[0 if eight else 1] == 0
    if not ours or [str(table.dtype) for table in tables] != (["int8", "float32"] if eight else ["float32"]):
        return False
    recorder.tape.tables.append(len(tables[0]))
    recorder.tape.call(
        "token8" if eight else "token", *map(recorder.tape.held, tables), played.found.size, recorder.put(played)
    )
    return True


def combined(recorder: Recorder, played: Played) -> bool:
    """Numbers beside numbers; the second may have a row for each position, that is repeated."""
    operands = [_operand(recorder, played, read) for read in (0, 1)]
    known = [operand for operand in operands if operand is not None]
    name, size = played.step.node.operator, played.found.size
    if not size:
        return False
    if len(known) == 2 and known[0].step and name in ("add", "mul"):
        known.reverse()
    if len(known) < 2 or known[0].step:
        return False
    one, other = known
    n = other.step or size
    recorder.tape.call(name, one.at, other.at, other.step, size // n, n, recorder.put(played))
    return True


@dataclass(frozen=True)
class Operand:
    """A value that is read: its place, and how many floats on it is for the next position."""

    at: Word
    step: int = 0


def _operand(recorder: Recorder, played: Played, read: int) -> Operand | None:
    """A value in the shape of what is put out, or the row of a table for each position."""
    array, to = recorder.fixed(played, read), played.found.shape
    if array is not None:
        cuts = [cut for cut in played.step.place.cuts if cut.read == read]
        return _table(recorder, array, cuts, to) if array.dtype == np.float32 else None
    if (at := recorder.at(played, read)) is None or (index := placed(recorder, played, read)) is None:
        return None
    return Operand(at if index.size == played.found.size else recorder.gathered(np.broadcast_to(index, to)))


def _table(recorder: Recorder, array: Numbers, cuts: Sequence[Cut], to: Shape) -> Operand | None:
    """A value that does not depend on tokens; `cuts`: its rows, of which a position has one."""
    if not cuts:
        return Operand(recorder.tape.held(np.broadcast_to(array, to).copy()))
    before, behind = array.shape[: cuts[0].axis], array.shape[cuts[0].axis + 1 :]
    n = np.arange(math.prod(behind))
    if len(cuts) > 1 or cuts[0].keys or math.prod(before) != 1:
        return None
    rows = np.broadcast_to(n.reshape(*before, 1, *behind), to).reshape(-1, max(n.size, 1))
    return Operand(recorder.tape.held(np.ascontiguousarray(array)), n.size) if (rows == n).all() else None


def negated(recorder: Recorder, played: Played) -> bool:
    """The negative of each number."""
    if (x := recorder.at(played, 0)) is None:
        return False
    n = played.found.size
    recorder.tape.call("mul", x, recorder.tape.held(np.full(n, -1, np.float32)), 0, 1, n, recorder.put(played))
    return True


def normed(recorder: Recorder, played: Played) -> bool:
    """A norm of the token, or of each of its rows."""
    x, norm, n = recorder.at(played, 0), played.code, played.found.shape
    if x is None or not isinstance(norm, Norm):
        return False
    width = math.prod(n[len(n) - norm.axes :])
    if not played.found.size:
        return False
    gains = map(recorder.tape.held, norm.gains(width))
    words = (played.found.size // width, width, *gains, 1 / width, norm.eps, int(norm.centred))
    recorder.tape.call("norm", x, recorder.put(played), *words)
    return True


def bent(recorder: Recorder, played: Played) -> bool:
    """A function of each number."""
    x, operator = recorder.at(played, 0), played.step.node.operator
    if x is None:
        return False
    recorder.tape.call(operator, x, recorder.put(played), played.found.size)
    return True


def linear8(recorder: Recorder, played: Played) -> bool:
    """A Linear in int8, if one thread does it."""
    x, layer = _one(recorder, played), played.code
    if x is None or not isinstance(layer, Rows) or not layer.alone:
        return False
    words = layer.words(recorder.steps, recorder.scales, recorder.tape.held(np.zeros(1, np.int32)))
    recorder.tape.call("linear8", layer.address, x, recorder.put(played, layer.width), *words)
    return True


def linear(recorder: Recorder, played: Played) -> bool:
    """A Linear in floats, if one thread does it."""
    x, layer = _one(recorder, played), played.code
    if layer is None:
        return dense(recorder, played)
    if x is None or not isinstance(layer, Floats) or (program := layer.alone()) is None:
        return False
    x_to_y = (x, recorder.put(played), 1, recorder.tape.taken(program.work), recorder.tape.held(program.stream))
    recorder.tape.call("program", program.address, *x_to_y)
    return True


def dense(recorder: Recorder, played: Played) -> bool:
    """A Linear without zeros, whose weights stay where numpy reads them for a prompt."""
    x, reads = _one(recorder, played), range(1, len(played.given))
    weights = [array for array in (recorder.fixed(played, read) for read in reads) if array is not None]
    if x is None or len(weights) < len(reads) or any(_apart(array) for array in weights):
        return False
    weight_OI, bias_O = weights[0], weights[1] if len(weights) > 1 else np.zeros(len(weights[0]), np.float32)
    if recorder.threads > 1 and weight_OI.size >= WIDE:  # numpy's threads share it
        return False
    held = map(recorder.tape.held, (weight_OI, bias_O))
    recorder.tape.call("dense", x, recorder.put(played), *held, *weight_OI.shape[::-1])
    return True


def _one(recorder: Recorder, played: Played) -> At | None:
    """The place of the first value, if it is one row: a Linear over heads has several."""
    x = played.given[0]
    return recorder.at(played, 0) if x is not None and x.size == x.shape[-1] else None


def _apart(array: Numbers) -> bool:
    return array.dtype != np.float32 or not array.flags.c_contiguous


def looked(recorder: Recorder, played: Played) -> bool:
    """Attention to all positions so far, whose keys and values have rooms."""
    places = [recorder.at(played, read) for read in range(3)]
    ends = [operand for operand in places if operand is not None]
    if len(ends) < 3 or not played.step.place.plain:
        return False
    q, _, v = (np.asarray(operand) for operand in played.given[:3])
    (queries, f), d = q.shape[-2:], v.shape[-1]
    if queries != 1:
        return False
    tape, heads = recorder.tape, math.prod(q.shape[:-2])
    rooms = [tape.rooms[played.step.n, read][0] for read in (1, 2)]
    length = tape.rooms[played.step.n, 1][1][-2]
    sizes = (heads, length, f, d, float(played.of("scale")), tape.taken(f + length))
    tape.call("look", *ends, recorder.put(played), *rooms, *sizes)
    return True


RULES: Mapping[str, Rule] = {
    "passed": same,
    **dict.fromkeys(MOVES, moved),
    "pad": shifted,
    **dict.fromkeys(("embedding", "embedding8"), row),
    **dict.fromkeys(COMBINED, combined),
    "neg": negated,
    **dict.fromkeys(("layer_norm", "rms_norm"), normed),
    **dict.fromkeys(BENT, bent),
    "linear8": linear8,
    "linear": linear,
    "attention": looked,
}
"""By operator. One that is not there is numpy's."""
