"""The steps of an experiment: frozen records that say what a step reads, and under which key it writes.

A step is known by cohort / level / arm / kind. A *level* is a round of pruning (0 is dense). An *arm* is one
line of training: `dense`, the `ticket`, or a control (`reinit`, ...). A *cohort* is a batch of replicates that
is trained together; every tensor and every metric a step writes has the replicate as its leading dimension.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One unit of work that is done once: it reads the steps in its fields and writes below its own key."""

    kind: ClassVar[str]
    derived: ClassVar[bool] = False
    """A derived step is a view of what others wrote: made anew each time, and no entry in the ledger."""
    cohort: int
    level: int
    arm: str

    @property
    def key(self) -> str:
        """The step's place, relative to its run. Zero-padded, so that no key is a prefix of another."""
        return f"cohort-{self.cohort:02d}/level-{self.level:02d}/{self.arm}/{self.kind}"

    @property
    def parents(self) -> tuple["Step", ...]:
        """The steps whose artifacts this one reads, in the order of its fields."""
        return tuple(_steps(getattr(self, field.name) for field in fields(self)))

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, kw_only=True, eq=False)
class Prune(Step):
    """Choose which weights survive. Writes `mask.safetensors` (bool, R x shape) and `density.json`.

    The ticket's mask comes from the weights that `trained` ended with, inside its own previous mask. The random
    control has no `trained`: it draws a mask with the counts of `like`, layer by layer.
    """

    kind: ClassVar[str] = "prune"
    trained: "Train | None" = None
    previous: "Prune | None" = None
    like: "Prune | None" = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Rewind(Step):
    """Set the survivors back. Writes `start.safetensors`: weights (and optimizer state) under the mask.

    With `kept`, survivors become bit-equal to theta_k of the dense training (k = `pruning.rewind_to`); with `trained`
    they stay what that training left; with neither they are drawn afresh: the random re-initialisation control.
    """

    kind: ClassVar[str] = "rewind"
    mask: Prune
    kept: "Train | None"
    trained: "Train | None" = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Train(Step):
    """Train from update `start` to update `stop`. Retraining is training with a mask.

    If `held`, the learning rate is that of the last update throughout. A `rung` of the ladder is another network, dense
    and smaller; past the spec's steps, its schedule is stretched.

    Writes `weights.safetensors`, `records.safetensors` (per example), `metrics.json`, volatile `timing.json`; the
    dense training also writes `kept.safetensors`, the state at update `keep`; those of other arms `samples.json`.
    """

    kind: ClassVar[str] = "train"
    start: int
    stop: int
    keep: int | None = None
    weights: Rewind | None = None
    mask: Prune | None = None
    held: bool = False
    rung: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Gate(Step):
    """Judge an arm against dense, over this cohort and all before; a control is compared with the `ticket` as well.

    `earlier` is the same gate of the cohort before. Writes `verdict.json`.
    """

    kind: ClassVar[str] = "gate"
    dense: Train
    candidate: Train
    mask: Prune
    ticket: Train | None = None
    earlier: "Gate | None" = None

    @property
    def pooled(self) -> tuple["Gate", ...]:
        """This gate and those of the cohorts before, oldest first."""
        return (*(self.earlier.pooled if self.earlier else ()), self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stability(Step):
    """Train two copies from update `after` on, each with its own data order, and look at what lies between them.

    Writes `connectivity.json`.
    """

    kind: ClassVar[str] = "stability"
    after: int
    stop: int
    replicates: int

    @property
    def key(self) -> str:
        return f"{super().key}/{self.after:09d}-of-{self.replicates}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Benchmark(Step):
    """Measure dense and ticket on this machine. Writes volatile `speed.json`.

    `variant` is the digest of the benchmark options: other options are another measurement of the same ticket.
    `earlier` (dense), `earlier_tickets` and `earlier_masks` are of the cohorts before: what is in int8 is judged over
    all that the gate has.
    """

    kind: ClassVar[str] = "benchmark"
    variant: str
    dense: Train
    ticket: Train
    mask: Prune
    earlier: tuple[Train, ...] = ()
    earlier_tickets: tuple[Train, ...] = ()
    earlier_masks: tuple[Prune, ...] = ()

    @property
    def key(self) -> str:
        return f"{super().key}/{self.variant}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Report(Step):
    """Gather what is there into `report.html`, `report.md` and `report.json`, under the digest of the inputs."""

    kind: ClassVar[str] = "report"
    derived: ClassVar[bool] = True
    gates: tuple[Gate, ...]
    benchmark: Benchmark


def _steps(values: Iterator[object]) -> Iterator[Step]:
    for value in values:
        if isinstance(value, Step):
            yield value
        elif isinstance(value, tuple):
            yield from _steps(iter(value))
