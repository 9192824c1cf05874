"""How many weights are left after each round, as exact integers: the formulas of iterative pruning."""

import math
from collections.abc import Mapping

from .spec import Pruning, Training


def rounds(pruning: Pruning) -> int:
    """Rounds until the target: the smallest n with (1 - fraction)^n <= 1 - sparsity.

    >>> rounds(Pruning(sparsity=0.8, fraction=0.2))
    8
    >>> rounds(Pruning(sparsity=0.36, fraction=0.2))
    2
    """
    left = 1 - pruning.sparsity
    return max(1, math.ceil(math.log(left) / math.log(1 - pruning.fraction) - 1e-9))


def kept(sizes: Mapping[str, int], output: str, pruning: Pruning, level: int) -> dict[str, int]:
    """Weights that survive in each layer after round `level`; sizes in weights, `output` is the last layer's name.

    Layer-wise, layer l keeps size_l * (1 - rate_l)^level, where the output layer's rate is `fraction * output_rate`
    (the paper prunes it half as fast). The last round lands exactly on the target over all layers together. With
    scope `global` only the sum is fixed: the same number under the key `""`.

    >>> lenet = {"0": 235200, "2": 30000, "4": 1000}
    >>> sum(kept(lenet, "4", Pruning(sparsity=0.8, fraction=0.2), 7).values()) / 266200  # the paper's 21.1 %
    0.2107...
    >>> sum(kept(lenet, "4", Pruning(sparsity=0.8, fraction=0.2), 8).values()) / 266200
    0.2
    """
    total = sum(sizes.values())
    target = round(total * (1 - pruning.sparsity))
    final = level >= rounds(pruning)
    if pruning.scope == "global":
        return {"": target if final else round(total * (1 - pruning.fraction) ** level)}
    rates = {name: pruning.fraction * (pruning.output_rate if name == output else 1) for name in sizes}
    if not final:
        return {name: round(size * (1 - rates[name]) ** level) for name, size in sizes.items()}
    before = {name: round(size * (1 - rates[name]) ** (level - 1)) for name, size in sizes.items()}
    return _land(before, {name: rate / pruning.fraction for name, rate in rates.items()}, target)


def _land(before: dict[str, int], pace: dict[str, float], target: int) -> dict[str, int]:
    """Take `sum(before) - target` weights away, each layer at its own pace, exact to the last weight."""
    surplus = sum(before.values()) - target
    pull = sum(before[name] * pace[name] for name in before)
    ideal = {name: before[name] * (1 - surplus / pull * pace[name]) for name in before}
    counts = {name: math.floor(value) for name, value in ideal.items()}
    # The largest remainders get the weights that rounding left over, so that the sum is the target itself.
    by_remainder = sorted(before, key=lambda name: counts[name] - ideal[name])
    for name in by_remainder[: target - sum(counts.values())]:
        counts[name] += 1
    return counts


def learning_rate(training: Training, update: int) -> float:
    """Learning rate of one update, counted from 0. A rewound training goes on where the schedule stood at k.

    >>> half = Training(steps=100, batch_size=1, learning_rate=0.1, schedule="cosine")
    >>> [round(learning_rate(half, update), 3) for update in (0, 50, 100)]
    [0.1, 0.05, 0.0]
    """
    if training.schedule == "constant":
        return training.learning_rate
    return training.learning_rate * 0.5 * (1 + math.cos(math.pi * update / training.steps))
