"""Fast packing has the results of a plain one, for any mask."""

import hypothesis.strategies as st
import llvmlite.binding as binding
import numpy as np
import pytest
from hypothesis import given

from ticketsmith_runtime.chain import Layer
from ticketsmith_runtime.kernels import datadriven, pell
from ticketsmith_runtime.kernels._greedy import steps
from ticketsmith_runtime.kernels._instructions import data, multiply_adds, sums
from ticketsmith_runtime.kernels._isa import AVX2, AVX512
from ticketsmith_runtime.kernels._rows import rows
from ticketsmith_runtime.llvm import assembly

from .machines import WITH_AVX2, WITH_AVX512


@st.composite
def masks(draw, widest: int = 90) -> np.ndarray:
    """Masks of few units and inputs, some of them with a unit that reads nothing and one that reads everything."""
    shape = draw(st.integers(1, 40)), draw(st.integers(1, widest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    alive_OI = rng.random(shape) < draw(st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0]))
    if draw(st.booleans()):
        alive_OI[0], alive_OI[-1] = False, True
    return alive_OI


def _greedy(alive_OI, lanes, window, picks, align):
    """The same schedule, one weight after the other."""
    lengths, starts, slots = [], [], {}
    for first in range(0, len(alive_OI), lanes):
        waits, before = [np.flatnonzero(row).tolist() for row in alive_OI[first : first + lanes]], len(starts)
        while any(waits):
            start = min(inputs[0] for inputs in waits if inputs) // align * align
            for lane, inputs in enumerate(waits):
                for pick in range(picks):
                    if inputs and inputs[0] < start + window:
                        slots[first + lane, inputs.pop(0)] = (len(starts) * lanes + lane) * picks + pick
            starts.append(start)
        lengths.append(len(starts) - before)
    return lengths, starts, [slots[key] for key in sorted(slots)]


@given(
    alive_OI=masks(),
    lanes=st.sampled_from([1, 4, 8, 16]),
    window=st.sampled_from([8, 16, 32, 64]),
    picks=st.integers(1, 4),
    align=st.sampled_from([1, 2, 8]),
)
def test_steps_are_greedy(alive_OI, lanes, window, picks, align):
    found = steps(rows(alive_OI), lanes, window, picks, align)

    lists = [each.tolist() for each in (found.lengths_G, found.starts_S, found.slots_K)]
    assert lists == list(map(list, _greedy(alive_OI, lanes, window, picks, align)))


@pytest.mark.parametrize("sizes", [(0, 8, 1, 1), (8, 8, 0, 1), (8, 8, 1, 16), (8, 8, 1, 3), (8, 0, 1, 1)])
def test_a_schedule_that_would_never_end_is_an_error(sizes):
    with pytest.raises(ValueError, match="no schedule for"):
        steps(rows(np.ones((2, 3), bool)), *sizes)


@given(masks())
def test_rows_are_the_mask(alive_OI):
    found = rows(alive_OI)
    assert np.stack([found.units_K, found.inputs_K], 1).tolist() == np.argwhere(alive_OI).tolist()


def _pell(layer: Layer) -> list[list[tuple[int, int, int, int]]]:
    """Weights of each group: unit, input, slot, and where the slot's window begins."""
    units, inputs = layer.alive_OI.shape
    steps, lengths = 2 * max(1, -(-inputs // 32)), layer.alive_OI.sum(1)
    choices = range(max(1, lengths.min() // steps), min(lengths.max() // steps + 3, 16) + 1)
    fits = {n: [_fit(np.flatnonzero(row).tolist(), steps, n) for row in layer.alive_OI] for n in choices}
    groups = []
    for first in range(0, units, 16):
        costs = {n: n * steps + 2.5 * max(len(spilled) for _, spilled in fits[n][first : first + 16]) for n in choices}
        n = min(costs, key=costs.__getitem__)
        chosen = fits[n][first : first + 16]
        group = [(u, i, slot, slot // n * 16) for u, (taken, _) in enumerate(chosen) for i, slot in taken]
        left_UI = np.zeros((16, inputs), bool)
        for u, (_, spilled) in enumerate(chosen):
            left_UI[u, spilled] = True
        _, starts, slots = _greedy(left_UI, 16, 32, 1, 16)
        for (u, i), slot in zip(np.argwhere(left_UI).tolist(), slots, strict=True):
            group.append((u, i, n * steps + slot // 16, starts[slot // 16]))
        groups.append(sorted(group))
    return groups


def _fit(waits: list[int], steps: int, per_step: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Inputs and slots of one unit at so many slots per step, and what does not fit."""
    taken, spilled = [], []
    for step in range(steps):
        while waits and waits[0] < 16 * step:
            spilled.append(waits.pop(0))
        for slot in range(per_step):
            if waits and waits[0] < 16 * step + 32:
                taken.append((waits.pop(0), step * per_step + slot))
    return taken, spilled + waits


def _layer(alive_OI: np.ndarray) -> Layer:
    """Weights from 1, each another one."""
    weight_OI = np.where(alive_OI, 1 + np.arange(alive_OI.size).reshape(alive_OI.shape), 0).astype(np.float32)
    return Layer(weight_OI=weight_OI, alive_OI=alive_OI, bias_O=np.zeros(len(alive_OI), np.float32), relu=False)


@given(masks(300))
def test_groups_of_pell_are_those_of_the_plain_algorithm(alive_OI):
    layer = _layer(alive_OI)
    found = []
    for g, group in enumerate(pell.pack(layer)):
        regular = len(group.weights) - len(group.windows)
        slot, unit = np.nonzero(group.weights)
        windows = np.append(np.arange(regular) // group.per_step * 16, np.array(group.windows, int))
        inputs = windows[slot] + group.picks[slot, unit]
        assert np.array_equal(group.weights[slot, unit], layer.weight_OI[16 * g + unit, inputs])
        found.append(sorted(zip(unit.tolist(), inputs.tolist(), slot.tolist(), windows[slot].tolist(), strict=True)))

    assert found == _pell(layer)


@given(masks(1200))
def test_words_of_picks_hold_every_pick(alive_OI):
    for group in pell.pack(_layer(alive_OI)):
        regular, turn = len(group.picks) - len(group.windows), 2 * group.per_step
        turns = [group.picks[first : first + turn] for first in range(0, regular, turn)]
        words = [np.zeros((0, 16), np.uint32)]
        for picks in (*turns, group.picks[regular:]):
            for first in range(0, len(picks), 6):
                few = picks[first : first + 6].astype(np.uint32)
                words.append(sum((pick << 5 * n for n, pick in enumerate(few)), np.zeros(16, np.uint32))[None])
        assert np.array_equal(np.concatenate(list(pell._turns(group))), np.concatenate(words))


@given(masks(600), st.sampled_from([(AVX2, 4, 3), (AVX512, 4, 4), (AVX512, 1, 8)]))
def test_data_of_the_loop_are_those_of_the_plain_algorithm(alive_OI, kind):
    isa, tiles, side = kind
    layer = _layer(alive_OI)
    packed, inputs = datadriven.pack(layer, *kind), alive_OI.shape[1]
    entries = []
    for stretch in datadriven._stretches(layer, isa, tiles):
        here_OI = alive_OI[:, stretch.start : stretch.stop]
        order = [unit for unit in np.argsort(-here_OI.sum(1), kind="stable").tolist() if here_OI[unit].any()]
        whole = len(order) // side * side
        for group in [*(order[n : n + side] for n in range(0, whole, side)), *([unit] for unit in order[whole:])]:
            reads = [np.flatnonzero(here_OI[unit]).tolist() for unit in group]
            for step in range(len(reads[0])):
                for unit, row in zip(group, reads, strict=True):
                    read = row[min(step, len(row) - 1)]
                    weight = layer.weight_OI[unit, stretch.start + read] if step < len(row) else 0
                    entries.append((float(weight), read * isa.bytes // 8))

    assert inputs and list(zip(packed.weights.tolist(), packed.offsets.tolist(), strict=True)) == entries


KINDS = pytest.mark.parametrize(("isa", "machine"), [(AVX512, WITH_AVX512), (AVX2, WITH_AVX2)])


@KINDS
def test_multiply_adds_are_what_an_assembler_makes(isa, machine):
    """For any register and place."""
    units, places = (each.ravel() for each in np.meshgrid(np.arange(isa.registers - 2), np.arange(-32, 32)))
    lines = [line for pair in zip(units, places, strict=True) for line in _multiply_add(isa, *pair)]

    code, lengths = multiply_adds(isa, units, places)
    assert _object(data(code[:, : lengths[0]].ravel()), machine) == _object(lines, machine)


def _multiply_add(isa, register, place):
    """A place of zero is written too, which an assembler leaves out unless it is told."""
    if isa is AVX512:
        return [f"{{disp8}} vfmadd231ps {4 * place}(%r8){{1to16}}, %zmm30, %zmm{register}"]
    return [f"{{disp8}} vbroadcastss {4 * place}(%r8), %ymm15", f"vfmadd231ps %ymm14, %ymm15, %ymm{register}"]


@KINDS
@given(alive_OI=masks(), step=st.sampled_from([4, 32, 64, 100, 4096]))
def test_code_of_sums_is_what_an_assembler_makes(isa, machine, alive_OI, step):
    alive_IU, reach = alive_OI[: isa.registers - 2].T, 16
    at_I = step * np.arange(len(alive_IU)) - 20 * step
    lines, used = [], 0
    for at, alive_U in zip(at_I, alive_IU, strict=True):
        prefix = "" if at else "{disp8} "
        lines.append(f"{prefix}vmovups {at}(%r10), %{isa.register}{isa.registers - 2}")
        for unit in np.flatnonzero(alive_U):
            if used and used % (2 * reach) == 0:
                lines.append(f"addq ${8 * reach}, %r8")
            lines += _multiply_add(isa, unit, used % (2 * reach) - reach)
            used += 1

    assert _object(data(sums(isa, alive_IU, at_I, reach)), machine) == _object(lines, machine)


def _object(lines, machine) -> bytes:
    target = binding.Target.from_default_triple()
    made = target.create_target_machine(cpu=machine.cpu, features=machine.features)
    return made.emit_object(binding.parse_assembly(assembly(lines)))
