"""A run as the words of a command: to be finished, or with changes; all that is not the default stands in it."""

import json
from typing import Any

from ..lottery.card import Card
from ..lottery.spec import Experiment
from ..specs import resolve
from ..yaml12 import plain
from .differences import leaves

FLAGS = {
    "task": "--task",
    "seed": "--seed",
    "replicates": "--replicates",
    "max_replicates": "--max-replicates",
    "pruning.sparsity": "--sparsity",
}
SWITCHES = {"stop_on_fail": "--stop-on-fail", "until_fail": "--until-fail"}
FOLLOWS = ("sources.", "benchmark.machine")
"""Fields that follow from the rest, or from where it was measured."""


def again(spec: Experiment, card: Card, data_root: str = "data", **changes: Any) -> list[str]:
    """`run imp` of a spec, with `changes` by field; the store is for who prints it to name."""
    usual = default(card)
    fields = dict(leaves(spec.model_dump(mode="json"))) | changes
    if "replicates" in changes:  # a number to go on to, or the cohort of another run
        fields["max_replicates"] = None
    words = ["run", "imp"]
    for path, value in fields.items():
        if (path not in usual or value != usual[path]) and not path.startswith(FOLLOWS):
            words += _words(path, value)
    if data_root != "data":
        words += ["--data-root", data_root]
    return words


def _words(path: str, value: Any) -> list[str]:
    if path in SWITCHES and value is True:
        return [SWITCHES[path]]
    if path in FLAGS and value is not None:
        return [FLAGS[path], value if isinstance(value, str) else json.dumps(value)]
    return ["--set", f"{path}={value if isinstance(value, str) and plain(value) else json.dumps(value)}"]


def default(card: Card) -> dict[str, Any]:
    """Every field that a run of the task has if nothing is asked for, by its path."""
    usual = dict(leaves(resolve({"training": {"start": None}}, card).model_dump(mode="json")))
    return usual | {"task": Experiment.model_fields["task"].default}
