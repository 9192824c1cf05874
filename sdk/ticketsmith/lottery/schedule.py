"""Numbers of weights left after each round, as exact integers: the formulas of iterative pruning."""

import math
from collections.abc import Mapping

from . import windows
from .spec import Experiment, Pruning, Training

HALVINGS = 8
"""Rounds past the target at most: of 20 % of the weights, 0.08 % are left then."""


def rounds(pruning: Pruning) -> int:
    """Rounds until the target: the smallest n with (1 - fraction)^n <= 1 - sparsity, or what windows take.

    >>> rounds(Pruning(sparsity=0.8, fraction=0.2))
    8
    >>> rounds(Pruning(sparsity=0.36, fraction=0.2))
    2
    >>> rounds(Pruning(granularity="window", sparsity=0.75, fraction=0.2))
    6
    """
    if pruning.granularity == "window":
        return len(windows.numbers(pruning)) - 1
    left = 1 - pruning.sparsity
    return max(1, math.ceil(min(math.log(left) / math.log1p(-pruning.fraction), 1e18) - 1e-9))


def furthest(spec: Experiment) -> int:
    """The last level that an experiment may come to: the target or, until quality is lost, as often half as may be.

    A window keeps one weight at least.
    """
    pruning, target = spec.pruning, rounds(spec.pruning)
    if not spec.until_fail:
        return target
    return target + (len(windows.halvings(pruning)) if pruning.granularity == "window" else HALVINGS)


def counted(pruning: Pruning, level: int) -> int:
    """The levels among which a scan counts this one.

    Up to the target all of them, which together err as seldom as is asked. Past it, where rounds may follow a run that
    is finished, each level has half the error of the one before: all of them together add less than one more level.

    >>> [counted(Pruning(sparsity=0.8, fraction=0.2), level) for level in (1, 8, 9, 10)]
    [8, 8, 16, 32]
    """
    target = rounds(pruning)
    return target << max(0, level - target)


def kept(sizes: Mapping[str, int], output: str, pruning: Pruning, level: int) -> dict[str, int]:
    """Weights that survive in each layer after round `level`; sizes in weights, `output` is the last layer's name.

    Layer-wise, layer l keeps size_l * (1 - rate_l)^level, where the output layer's rate is `fraction * output_rate`
    (the paper prunes it half as fast); one that is the only layer keeps the full pace, or the last round would have to
    remove most of it. The last round lands exactly on the target over all layers together. With scope `global` only the
    sum is fixed: the same number under the key `""`. Past the target, each round leaves half of that sum.
    Raises ValueError if the target cannot be reached because the output layer is not pruned. Windows keep a whole
    number each, so that the target is that of all layers but the output layer, which keeps its own number.

    >>> lenet = {"1": 235200, "3": 30000, "5": 1000}
    >>> sum(kept(lenet, "5", Pruning(sparsity=0.8, fraction=0.2), 7).values()) / 266200  # the paper's 21.1 %
    0.2107...
    >>> sum(kept(lenet, "5", Pruning(sparsity=0.8, fraction=0.2), 8).values()) / 266200
    0.2
    >>> [kept({"1": 640}, "1", Pruning(sparsity=0.8, fraction=0.2), level)["1"] for level in (1, 7, 8)]
    [512, 135, 128]
    >>> [sum(kept(lenet, "5", Pruning(sparsity=0.8, fraction=0.2), level).values()) / 266200 for level in (9, 10)]
    [0.1, 0.05]
    >>> kept({"1": 640, "3": 160}, "3", Pruning(granularity="window", sparsity=0.75, fraction=0.2), 6)
    {'1': 160, '3': 80}
    """
    pace = {name: pruning.output_rate if name == output and len(sizes) > 1 else 1.0 for name in sizes}
    if pruning.granularity == "window":
        left = windows.numbers(pruning) + windows.halvings(pruning)
        number = left[min(level, len(left) - 1)]
        return {name: windows.share(windows.slowed(number, pace[name]), size) for name, size in sizes.items()}
    past = level - rounds(pruning)
    target = round(sum(sizes.values()) * (1 - pruning.sparsity))
    if past > 0:  # what is not pruned at all cannot be halved
        target = max(_survivors(target, 0.5, past), sum(size for name, size in sizes.items() if pace[name] == 0))
    if pruning.scope == "global":
        return {"": target if past >= 0 else _survivors(sum(sizes.values()), pruning.fraction, level)}
    if past < 0:
        return {name: _survivors(size, pruning.fraction * pace[name], level) for name, size in sizes.items()}
    return _land(kept(sizes, output, pruning, level - 1), pace, target)


def _survivors(size: int, rate: float, level: int) -> int:
    """Rounded up, so that no round before the last falls below the target; a millionth forgives the floats."""
    return math.ceil(size * (1 - rate) ** level - 1e-6)


def _land(counts: dict[str, int], pace: dict[str, float], target: int) -> dict[str, int]:
    """A round that lands: every layer keeps q^pace of its weights, with the one q that leaves `target` in all."""
    if (fixed := sum(count for name, count in counts.items() if pace[name] == 0)) > target:
        raise ValueError(f"the output layer alone has {fixed} weights, {target} may survive in all")
    low, high = 0.0, 1.0
    for _ in range(64):  # the sum grows with q: halve the bracket until floats cannot tell its ends apart
        q = (low + high) / 2
        low, high = (q, high) if sum(n * q ** pace[name] for name, n in counts.items()) < target else (low, q)
    ideal = {name: count * high ** pace[name] for name, count in counts.items()}
    landed = {name: min(math.floor(value + 1e-6), counts[name]) for name, value in ideal.items()}
    # The largest remainders get what rounding left over, so that the sum is the target itself.
    by_remainder = sorted(counts, key=lambda name: landed[name] - ideal[name])
    for name in by_remainder[: target - sum(landed.values())]:
        landed[name] += 1
    return landed


def learning_rate(training: Training, update: int) -> float:
    """Learning rate of one update, counted from 0. A rewound training goes on where the schedule stood at k.

    The cosine begins where the warm-up ends; the other schedules count from update 0.

    >>> half = Training(steps=100, batch_size=1, learning_rate=0.1, schedule="cosine")
    >>> [round(learning_rate(half, update), 3) for update in (0, 50, 100)]
    [0.1, 0.05, 0.0]
    >>> steep = Training(steps=100, batch_size=1, learning_rate=0.1, schedule="step")
    >>> [learning_rate(steep, update) for update in (0, 49, 50, 74, 75, 99)]
    [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    >>> marked = Training(steps=100, batch_size=1, learning_rate=0.1, schedule="milestones", milestones=(60, 90))
    >>> [learning_rate(marked, update) for update in (0, 59, 60, 89, 90, 99)]
    [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    >>> warm = Training(steps=100, batch_size=1, learning_rate=0.1, warmup=4)
    >>> [round(learning_rate(warm, update), 3) for update in (0, 1, 2, 3, 4, 99)]
    [0.02, 0.04, 0.06, 0.08, 0.1, 0.1]
    """
    rate = _scheduled(training, update)
    return rate * (update + 1) / (training.warmup + 1) if update < training.warmup else rate


def _scheduled(training: Training, update: int) -> float:
    """The rate but for the warm-up."""
    if training.schedule == "constant":
        return training.learning_rate
    if training.schedule == "step":  # He et al., arXiv 1512.03385, section 4.2
        return training.learning_rate / (1, 1, 10, 100)[4 * update // training.steps]
    if training.schedule == "milestones":
        return training.learning_rate / 10.0 ** sum(mark <= update for mark in training.milestones)
    done, whole = max(0, update - training.warmup), training.steps - training.warmup
    return training.learning_rate * 0.5 * (1 + math.cos(math.pi * done / whole))


def stretched(training: Training, steps: int) -> Training:
    """The same training over more updates: its schedule takes as much of them, its warm-up stays.

    >>> marked = Training(steps=100, batch_size=1, learning_rate=0.1, schedule="milestones", milestones=(60, 90))
    >>> stretched(marked, 900).milestones
    (540, 810)
    """
    marks = tuple(mark * steps // training.steps for mark in training.milestones)
    return training.model_copy(update={"steps": steps, "milestones": marks})


def hold(training: Training) -> Training:
    """The same training at the learning rate of its last update throughout."""
    last = learning_rate(training, training.steps - 1)
    return training.model_copy(update={"schedule": "constant", "milestones": (), "warmup": 0, "learning_rate": last})
