"""The examples: whether splits overlap, and whether there is anything to tell apart."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from ..cards import leaf_bytes
from ..evaluate import remembered
from ..events import tell
from ..seeds import seeded
from ..splits import Numbers
from ..targets import target
from .findings import Sentence, note, problem
from .trial import Trial

SHARE = 0.01
"""Share of the test examples that training may have seen too, before it is a problem."""
LABELLED, PART, TOLD = 1024, 64, 500


def twins(trial: Trial) -> Iterator[Sentence]:
    """Equal examples in two splits, by their content."""
    split, most = trial.split, trial.compared
    held_out = {"test": split.test[: most // 2], "validation": split.validation[: most // 2]}
    train = split.train[: most - min(most // 2, sum(map(len, held_out.values())))]
    known = {_content(trial, int(n)): int(n) for n in _counted(train)}
    for role, numbers in held_out.items():
        pairs = [(known[content], int(n)) for n in numbers if (content := _content(trial, int(n))) in known]
        if not pairs:
            continue
        ours, theirs = pairs[0]
        text = f"{len(pairs):,} of {len(numbers):,} {role} examples stand in training too, such as {theirs} (as {ours})"
        fix = "drop one of each, or give equal ones one group: Splits(…, groups=…)"
        yield (problem if len(pairs) >= SHARE * len(numbers) else note)(text, fix)
    if len(train) < len(split.train):
        yield note(f"looked for equal examples in {most:,} of {trial.examples.count:,}")


def groups(trial: Trial) -> Iterator[Sentence]:
    """A group in two splits: its examples are not independent."""
    if (whole := trial.examples.groups) is None:
        return
    split = trial.split
    sides = {"training": split.train, "validation": split.validation, "test": split.test}
    names = {role: {*whole[numbers].tolist()} for role, numbers in sides.items()}
    for one, other in (("training", "test"), ("validation", "test"), ("training", "validation")):
        if both := sorted(names[one] & names[other]):
            first = int(np.flatnonzero(whole == both[0])[0])
            yield problem(
                f"{len(both)} groups lie in {one} and {other}, such as that of example {first}",
                "put whole groups into `test` and `validation`, or use folds, which keep them together",
            )


def outcomes(trial: Trial) -> Iterator[Sentence]:
    """More than one class, or more than one value to predict."""
    for role, numbers in (("training", trial.split.train), ("test", trial.split.test)):
        chosen = numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), LABELLED)).astype(int)]
        seen: dict[str, Tensor | None] = {}
        for first in range(0, len(chosen), PART):
            for name, values in _outcomes(trial, chosen[first : first + PART]):
                before = seen.get(name, values[0])
                alike = before is not None and bool((values == before).all())
                seen[name] = before if alike else None
            if not any(value is not None for value in seen.values()):
                break
        for name, value in seen.items():
            if value is not None:
                yield _constant(name, value, role, len(chosen))


def _constant(name: str, value: Tensor, role: str, count: int) -> Sentence:
    number = f"{value.item():g}"
    if name == "label":
        return problem(
            f"all of {count:,} {role} examples have the class {number}: there is nothing to learn",
            "check the folders or labels that data() reads",
        )
    if name == "target":
        return problem(f"all of {count:,} {role} examples have the target {number}", "check what data() reads")
    return note(f"score() gives {number} for each of {count:,} {role} examples of the untrained network")


def _outcomes(trial: Trial, numbers: Numbers) -> Iterator[tuple[str, Tensor]]:
    with trial.task.told("data"):
        batch = trial.examples.batch(numbers, trial.stream)
    network, record = trial.network.eval(), trial.task.record
    columns: dict[str, Tensor] = {}
    if record is not None:
        with seeded(0), torch.inference_mode(), trial.task.told("record"), remembered(network):
            columns = dict(record(network, batch))
    if "label" in columns:
        yield "label", columns["label"]
    elif (values := target(trial.task, network, batch)) is not None:
        yield "target", values
    elif hasattr(trial.task.code, "score"):
        score = trial.asks("score", network, batch)
        if isinstance(score, Tensor) and score.dim() == 1:
            yield "score", score


def _content(trial: Trial, number: int) -> bytes:
    """A digest of one example, read in the stream 0: what is drawn into it is the same for equal ones."""
    held = trial.examples.tensors
    with trial.task.told("data"):
        item: Any = trial.examples.item(number) if held is None else tree_map(lambda leaf: leaf[number], held)
    return blake2b(b"".join(leaf_bytes(leaf) for leaf in tree_flatten(item)[0]), digest_size=16).digest()


def _counted(numbers: Numbers) -> Iterator[int]:
    for done, number in enumerate(numbers):
        if done and done % TOLD == 0:
            tell({"event": "reading", "done": done, "of": len(numbers)})
        yield int(number)
