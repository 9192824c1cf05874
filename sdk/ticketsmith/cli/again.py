"""The command that runs a spec, with what it changes, as a line that a shell takes as it stands."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ..lottery.spec import Experiment
from ..specs import read_spec

FLAGS = {"task": "--task", "seed": "--seed", "replicates": "--replicates", "pruning.sparsity": "--sparsity"}
OURS = ("benchmark.", "max_replicates", "stop_on_fail")  # change no result, or follow from the rest


def command(spec: Experiment, store: str, **changes: Any) -> str:
    """`ticketsmith run imp` with every field that is not the task's default; `changes` are flags on top, by field."""
    usual = dict(_leaves(read_spec(None, {"task": spec.task}).model_dump(mode="json")))
    fields = dict(_leaves(spec.model_dump(mode="json"))) | changes
    words = ["ticketsmith", "run", "imp"]
    for path, value in fields.items():
        if value != usual.get(path) and not path.startswith(OURS):
            text = value if isinstance(value, str) else json.dumps(value)
            words += [FLAGS[path], text] if path in FLAGS else ["--set", f"{path}={text}"]
    return shlex.join([*words, *(["--store", store] if store != "runs" else [])])


def _leaves(section: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{head}{key}.")
        else:
            yield head + key, value
