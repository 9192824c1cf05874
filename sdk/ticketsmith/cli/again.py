"""The run to make next, as a command with everything that is not the task's default."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..lottery.card import Card
from ..lottery.metric import Metric
from ..lottery.results import Verdict
from ..lottery.spec import Experiment, Pruning
from ..lottery.windows import expressible
from ..report import Findings
from ..report.evidence import few
from ..report.opponents import ticket_in_int8
from ..specs import resolve
from .commands import command

FLAGS = {"task": "--task", "seed": "--seed", "replicates": "--replicates", "pruning.sparsity": "--sparsity"}
OURS = ("benchmark.", "max_replicates", "samples", "stop_on_fail", "sources.")
"""Fields that change no result, or follow from the rest."""


def onwards(findings: Findings, card: Card, store: str) -> str:
    """The run to make next: an open one goes on, an ended one is asked anew, after PASS a sparser one, else milder."""
    spec, verdict = findings.spec, findings.verdict("ticket", findings.target)
    if verdict is None:
        return again(spec, card, store)
    if verdict.status == "INVALID":
        return again(spec, card, store, **{"training.steps": 2 * spec.training.steps})
    if verdict.status == "UNDECIDED":
        return again(spec, card, store, **_settling(verdict, spec, findings.metric))
    return again(spec, card, store, **{"pruning.sparsity": _sparsity(spec.pruning, verdict.status == "PASS")})


def in_windows(findings: Findings, card: Card, store: str) -> list[str]:
    """The same in windows, whose steps in int8 are full: where single weights were removed, and int8 passes."""
    spec, found = findings.spec, findings.speed and ticket_in_int8(findings.speed)
    if not found or found[1] is None or found[1].status != "PASS" or spec.pruning.granularity != "weight":
        return []
    sparsity = expressible(spec.pruning.sparsity)[0]
    return [again(spec, card, store, **{"pruning.granularity": "window", "pruning.sparsity": sparsity})]


def _sparsity(pruning: Pruning, passed: bool) -> float:
    """Half of the weights left after a PASS, else twice as many; in windows, the nearest that they can have.

    >>> _sparsity(Pruning(sparsity=0.8), True), _sparsity(Pruning(sparsity=0.5), False)
    (0.9, 0.1)
    >>> [_sparsity(Pruning(granularity="window", sparsity=0.8125), passed) for passed in (True, False)]
    [0.875, 0.625]
    """
    left = (1 - pruning.sparsity) * (0.5 if passed else 2)
    sparsity = round(max(1 - left, 0.1), 6)
    return expressible(sparsity)[0] if pruning.granularity == "window" else sparsity


def _settling(verdict: Verdict, spec: Experiment, metric: Metric) -> dict[str, Any]:
    """The change that is likely to settle an UNDECIDED: a margin that can be shown, more replicates, or fresh seeds."""
    room, needed = verdict.looks * spec.replicates, verdict.replicates_needed
    if few(metric, verdict):
        return {"gate.margin": 2 * verdict.margin}
    if verdict.look < verdict.looks and (needed is None or needed <= room):
        return {"replicates": needed or len(verdict.replicates) + spec.replicates}
    return {"seed": spec.seed + 1, "replicates": needed or spec.replicates}


def again(spec: Experiment, card: Card, store: str, **changes: Any) -> str:
    """`ticketsmith run imp` of a spec, with `changes` by field."""
    usual = dict(_leaves(resolve({"training": {"start": None}}, card).model_dump(mode="json")))
    usual["task"] = Experiment.model_fields["task"].default
    words = ["run", "imp"]
    for path, value in (dict(_leaves(spec.model_dump(mode="json"))) | changes).items():
        if value != usual.get(path) and not path.startswith(OURS):
            text = value if isinstance(value, str) else json.dumps(value)
            words += [FLAGS[path], text] if path in FLAGS else ["--set", f"{path}={text}"]
    return command(*words, store=store)


def _leaves(section: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{head}{key}.")
        else:
            yield head + key, value
