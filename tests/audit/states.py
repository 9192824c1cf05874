"""Every state that a run can end in, each as a run of seconds, in a store whose name a shell would split."""

from pathlib import Path
from shutil import copytree
from typing import Any

from ..sdk.conftest import CRUSHED, DIVERGING, GENEROUS, SMALL, Warm, run_of

STORE = "my runs"
QUIET: dict[str, Any] = SMALL | {"controls": [], "benchmark.precision": ["fp32"]}
FALLING = QUIET | {"pruning.fraction": 0.5, "pruning.sparsity": 0.97, "gate.margin": 0.2}
"""Levels 1 to 3 pass, level 4 is UNDECIDED, levels 5 and 6 fail; int8 is neither timed nor judged."""
TRAINED = QUIET | {"options.hidden": [300, 100], "training.steps": 360, "pruning.sparsity": 0.2, "gate.margin": 0.5}
MUTE = QUIET | {"pruning.sparsity": 0.2, "training.learning_rate": 1e-12}
STATES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "passed": (GENEROUS | {"controls": []}, []),
    "failed": (CRUSHED | {"controls": []}, []),
    "falling": (FALLING, []),
    "invalid": (MUTE, []),
    "diverged": (DIVERGING | {"controls": [], "pruning.sparsity": 0.2}, []),
    "unfinished": (FALLING | {"seed": 3, "max_replicates": 10}, ["--until", "0"]),
}


def fill(store: Path, warm: Warm, edge: dict[str, Any]) -> None:
    """Let every run end; `edge` is the spec of the one that ends UNDECIDED."""
    for spec, options in STATES.values():
        warm.start(spec, store, *options)
        assert warm.wait() in (0, 1), warm.log.read_text()
    warm.run(edge | {"controls": []}, store)


class States:
    """The folder with the store, and the id of each run."""

    def __init__(self, made: Path, folder: Path, edge: dict[str, Any]) -> None:
        self.folder, self.store = folder, folder / STORE
        copytree(made, self.store)
        self.runs = {name: run_of(spec) for name, (spec, _) in STATES.items()}
        self.runs["undecided"] = run_of(edge | {"controls": []})

    def __getitem__(self, name: str) -> str:
        return self.runs[name]
