"""Runs of a task's own file in this process: no archive, no child."""

from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import Tensor

import ticketsmith_tasks
from ticketsmith import specs, weights
from ticketsmith.documents import canonical
from ticketsmith.ledger import CARD, Ledger
from ticketsmith.lottery.card import Card
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.results import Speed, TrainMetrics, Verdict
from ticketsmith.lottery.steps import Benchmark, Step
from ticketsmith.report import write
from ticketsmith.stores.local import LocalStore
from ticketsmith_runner import cards, planner
from ticketsmith_runner.backends import every
from ticketsmith_runner.context import Context
from ticketsmith_runner.evaluate import Evaluation
from ticketsmith_runner.examples import Examples
from ticketsmith_runner.execute import execute
from ticketsmith_runner.order import evaluation
from ticketsmith_runner.steps import benchmark
from ticketsmith_runner.tasks import Task
from ticketsmith_runner.tensors import unpack
from ticketsmith_runner.workers import single_thread

TASKS = Path(__file__).parent / "tasks"
EXAMPLES = Path(__file__).parents[2] / "examples"
BUNDLED = Path(ticketsmith_tasks.__file__).parent
TINY: dict[str, Any] = {
    "replicates": 2,
    "controls": ["reinit"],
    "training": {"steps": 6, "batch_size": 8, "learning_rate": 0.05, "evaluate_every": 3, "schedule": "constant"},
    "pruning": {"sparsity": 0.5, "fraction": 0.5},
    "benchmark": {"batch_sizes": [1], "rounds": 1, "seconds": 0.0001},
}


class Own:
    """A toy run of the task in a file."""

    def __init__(self, file: Path, root: Path, overrides: dict[str, Any] | None = None, data_root: str = "") -> None:
        single_thread()
        bundled = file.parent == BUNDLED
        self.task = (
            Task(str(BUNDLED.parent), f"{BUNDLED.name}.{file.stem}") if bundled else Task(str(file.parent), file.stem)
        )
        self.card = made(self.task, file, data_root or str(root))
        self.spec = specs.resolve(specs.merge(TINY, overrides or {}) | {"task": str(file)}, self.card)
        self.ledger = Ledger(LocalStore(root / "runs"), self.spec.run_id())
        self.ledger.settle(CARD, lambda: canonical(self.card.model_dump(mode="json")))
        weights.keep(self.ledger.store, self.spec)
        self.context = Context(
            spec=self.spec,
            card=self.card,
            ledger=self.ledger,
            code=self.task.folder,
            data_root=data_root or str(root),
        )
        self.steps: dict[str, Step] = {step.key.removeprefix("cohort-00/"): step for step in imp(self.spec)}

    def go(self, *kinds: str) -> "Own":
        """Make the steps of these kinds."""
        for step in self.steps.values():
            if step.kind in (kinds or ("train", "prune", "rewind", "gate")):
                execute(step, self.context)
        return self

    def dense(self) -> dict[str, Tensor]:
        """The weights of the dense training, which is made."""
        execute(self.steps["level-00/dense/train"], self.context)
        return self.tensors("level-00/dense/train")

    def timed(self, *names: str) -> Speed:
        """Measure some back-ends alone: each takes seconds to build."""
        step = next(step for step in self.steps.values() if step.kind == "benchmark")
        if not self.ledger.done(step):
            assert isinstance(step, Benchmark)
            chosen = {name: backend for name, backend in every().items() if name in names}
            made = benchmark.run(step, self.context, chosen)
            self.ledger.commit(step, made.files, made.volatile)
        return Speed.model_validate_json(self.ledger.read(step, "speed.json"))

    def read(self, key: str, name: str) -> bytes:
        return self.ledger.read(self.steps[key], name)

    def tensors(self, key: str, name: str = "weights") -> dict[str, Tensor]:
        return unpack(self.read(key, f"{name}.safetensors"))

    def metrics(self, key: str) -> TrainMetrics:
        return TrainMetrics.model_validate_json(self.read(key, "metrics.json"))

    def verdicts(self) -> dict[str, Verdict]:
        gates = [key for key, step in self.steps.items() if step.kind == "gate"]
        return {key: Verdict.model_validate_json(self.read(key, "verdict.json")) for key in gates}

    def report(self) -> str:
        return write(self.ledger, self.spec, self.card).documents["md"].decode()

    def choice(self) -> planner.Choice:
        """The trainer of the dense training, and the reason for it."""
        planner.attempt(self.context)
        return planner.plan(self.context)[0]

    def measure(self) -> Evaluation:
        return evaluation(self.context, 0)

    def examples(self, **changes: Any) -> Examples:
        return replace(self.context.examples, _brought={}, **changes)


@lru_cache
def made(task: Task, file: Path, root: str) -> Card:
    code = sha256(file.read_bytes()).hexdigest()
    return cards.card(task, file.stem.replace("_", "-"), root, engine="e" * 64, code=code)
