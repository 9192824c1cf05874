"""The facts that a report is made of: everything known about a run so far, free of layout and of opinion."""

from typing import Any, Literal

from ..lottery.controls import masked
from ..lottery.metric import Metric
from ..lottery.price import Rates
from ..lottery.results import Picture, Record, Samples, Speed, Summary, Verdict
from ..lottery.spec import Experiment


class Divergence(Record):
    """A replicate whose training found a loss that is not finite."""

    arm: str
    level: int
    replicate: int
    update: int
    """The look that found it."""


class Climbed(Record):
    """An arm of the ladder: a smaller dense network that was trained."""

    arm: str
    rung: str
    weights: int
    options: dict[str, Any]
    """Those of `model` that make it."""
    updates: int


class Spent(Record):
    """The trainings of an arm, over all levels and cohorts."""

    arm: str
    trainings: int
    core_seconds: float
    """Of those on a CPU, one core each."""
    gpu_seconds: float
    """Of those on a GPU, which replicates that are trained together share."""


class Findings(Record):
    """The facts of one run, complete or not. Equal findings render to equal bytes."""

    schema_version: Literal[2] = 2
    run_id: str
    digest: str
    """SHA-256 over the spec and the digests of every step that is done, speeds included."""
    version: str
    """TicketSmith's."""
    task: str
    """The task's summary line."""
    metric: Metric
    """The task's measure: of every score, difference and margin here, in its recorded unit."""
    spec: Experiment
    target: int
    """The level at which the spec's sparsity is reached."""
    stopped_at: int | None
    """The level whose FAIL ended the rounds (`stop_on_fail`), or null."""
    dense_score: Summary | None
    """Null until the dense training is done."""
    verdicts: list[Verdict]
    """By level; within a level the ticket first, then the controls in the spec's order."""
    speed: Speed | None
    ladder: list[Climbed]
    """The smaller dense networks, fewest weights first; none where the run has no ladder."""
    samples: Samples | None
    """Samples of the ticket at the level `shown`; null where its training left none."""
    beside: dict[str, Samples]
    """Samples of the controls at that level, which drew from the same streams; empty where examples are given."""
    trainers: dict[str, str]
    """Level, or rung of the ladder, to the trainer that made its updates; empty before the first training."""
    replicate_seconds: float | None
    """Training of one more replicate, over all arms and levels, on one core. Null before the first."""
    spent: list[Spent]
    """Training by arm, dense first."""
    rates: Rates | None = None
    """Prices that were given; null: nothing is priced."""
    diverged: list[Divergence]
    one_pool: bool
    """True if all replicates train on one pool of examples: no spread of theirs shows what other data would do."""
    tries: list[str]
    """Earlier runs of the same question with other seeds, as far as this store has seen them."""
    inputs: dict[str, str]
    """Steps that are done, with the digest of their manifests."""
    missing: list[str]
    """Steps that are not done."""

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls that stand beside every ticket: those that a mask makes."""
        return masked(self.spec)

    def arm(self, name: str) -> list[Verdict]:
        """The verdicts of one arm, by level."""
        return [verdict for verdict in self.verdicts if verdict.arm == name]

    def verdict(self, arm: str, level: int) -> Verdict | None:
        """The verdict of one arm at one level, if it was judged."""
        return next((verdict for verdict in self.arm(arm) if verdict.level == level), None)

    @property
    def drawn(self) -> list[tuple[str, list[str | Picture]]]:
        """Texts and pictures that each arm drew, dense first; nothing where samples are answers to examples."""
        if self.samples is None or any(sample.example is not None for sample in self.samples.samples):
            return []
        dense = [sample.dense for sample in self.samples.samples]
        arms = {"ticket": self.samples} | self.beside
        return [("dense", dense), *((arm, [sample.candidate for sample in made.samples]) for arm, made in arms.items())]

    @property
    def sparsest(self) -> int:
        """The last level that may have been reached: the target, or a round past it."""
        return max([self.target, *(verdict.level for verdict in self.verdicts)])

    @property
    def shown(self) -> Verdict | None:
        """The verdict of the ticket at the target or, where that is missing, at the last level that was judged."""
        return self.verdict("ticket", self.target) or next(reversed(self.arm("ticket")), None)

    @property
    def concluding(self) -> Verdict | None:
        """The ticket's verdict at the target; after an early stop, the FAIL that ended the run."""
        ended = None if self.stopped_at is None else self.verdict("ticket", self.stopped_at)
        return self.verdict("ticket", self.target) or ended
