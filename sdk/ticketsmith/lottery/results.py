"""Records that steps write and reports read. Scores are in recorded units, sparsities fractions, times seconds.

R is the number of replicates, E the number of evaluations on the validation split.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Status = Literal["PASS", "FAIL", "UNDECIDED", "INVALID"]
"""INVALID: dense learned nothing, so that nothing can be concluded from a comparison with it."""
Kind = Literal["share", "amount", "whole"]


class Record(BaseModel):
    """A document at a known key: frozen, closed, without NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Density(Record):
    """`density.json` of a prune step: counts taken from the mask itself, never from zeros in the weights."""

    kept: dict[str, int]
    """Survivors per layer in the first replicate. With scope global, or where vectors compete, others may differ."""
    sizes: dict[str, int]

    @property
    def sparsity(self) -> float:
        return 1 - sum(self.kept.values()) / sum(self.sizes.values())


class Rung(Record):
    """A dense network smaller than the task's own."""

    weights: int
    """Prunable ones."""
    options: dict[str, Any]
    """Keyword arguments of the task's `model` that make it."""


class TrainMetrics(Record):
    """`metrics.json` of a train step, one entry per replicate of the cohort."""

    replicates: list[int]
    """Numbers of the replicates over all cohorts, (R,)."""
    start: int
    stop: int
    looks: list[int]
    """Updates after which the validation split was evaluated, (E,)."""
    validation_loss: list[list[float | None]]
    """(R, E); null from the evaluation on that found a loss that is not finite."""
    validation_score: list[list[float | None]]
    early_stop_step: list[int]
    """Update with the least validation loss, (R,): the early-stop iteration of the paper."""
    early_stop_test_score: list[float | None]
    """Mean test score of the weights at that evaluation, (R,); null if it is not finite."""
    test_score: list[float | None]
    """Mean test score at the end of training, (R,); null if it is not finite. Nothing was selected by it."""
    test_loss: list[float | None]
    """Mean test loss, (R,); null if it is not finite."""
    diverged_at: list[int | None]
    """Update at whose evaluation a loss was not finite, or null, (R,). The weights are those of the one before."""
    baseline: str = ""
    """Name of the task's best answer without a network, whose scores are in the records; empty where it names none."""
    prefix: str = ""
    """Prefix of the network's names in the file of given weights; nothing where the start was drawn."""
    drawn: list[str] = []
    """Tensors that the file of given weights has not, or in another shape, and that were drawn instead."""
    unused: list[str] = []
    """Tensors of the file of given weights that the network does not take."""
    rung: Rung | None = None
    """The network that was trained, where it is not the task's own."""


class Summary(Record):
    """A mean over n replicates with its standard error and two-sided 95 % interval; no interval for n = 1.

    A test score has the error over training seeds and test examples together, anything else a t interval over seeds.
    """

    mean: float
    se: float | None
    low: float | None
    high: float | None
    n: int


class Difference(Record):
    """Candidate minus dense, paired over replicates, with one-sided bounds at the gate's confidence.

    Of shares, every score of both arms is 0 or 1. Of amounts, it may be any number. Of the whole, the score is that of
    a test set, such as F1.
    """

    mean: float
    se_replicates: float | None
    """Over training seeds: spread of the per-replicate differences. Null for one replicate."""
    se_items: float
    """Over test examples, or groups of them: spread of their differences, averaged over the replicates that test
    them."""
    se: float | None
    """Both together, never less than the larger of the two; the bounds use it. Of one replicate, that over examples."""
    low: float | None
    high: float | None
    examples: int | None = None
    """Distinct test examples."""
    carriers: float | None = None
    """Number of examples, about, that carry the mean of amounts with a long tail. Null: none on the side of harm."""
    kind: Kind = "share"
    groups: int | None = None
    """Distinct groups of test examples (patients, passages), where there are any: they are what is counted then."""

    @property
    def units(self) -> int | None:
        """Things that were tested and are independent: groups where there are any, else examples."""
        return self.examples if self.groups is None else self.groups


class Behaviour(Record):
    """A classifier's changes that accuracy does not show, on the test split, over replicates. None is judged."""

    churn: Summary
    """Share of the predictions that are not those of dense."""
    calibration_error: Summary
    """Expected calibration error: how far confidence is from accuracy."""
    dense_calibration_error: Summary
    calibrated_error: Summary | None = None
    """Calibration error that a perfectly calibrated net with the same confidences would show on as many examples: what
    chance alone gives. Null in verdicts of a version that did not reckon it."""
    dense_calibrated_error: Summary | None = None
    worst_class: int
    """The class that lost most, chosen afterwards by looking at all of them."""
    worst_class_change: Summary
    """Change of the accuracy on that class; makes no allowance for the choice, so it looks worse than it is."""


class Collapses(Record):
    """Trainings that lost much more than the mean: as many as were seen, and as many as may be."""

    by: float
    """Shown units of the metric (points, nats) worse than dense from which it counts."""
    lost: int
    of: int
    at_most: float
    """Share of all trainings that may, at 95 % confidence of this look alone."""


class Baseline(Record):
    """The task's best answer without a network, which dense has to be surely better than."""

    name: str
    score: float
    """Mean over replicates and test examples, in recorded units."""


class Plateau(Record):
    """The end of the dense training, on the validation split."""

    after: int
    """Updates done where the last quarter begins, or at the look before."""
    stop: int
    gain: float
    """Recorded units by which the score is better at the end, the mean over replicates."""
    reached: bool
    """True if that is less than the margin."""


class Verdict(Record):
    """`verdict.json` of a gate step."""

    arm: str
    level: int
    sparsity: float
    """Removed share of the prunable weights, counted from the mask."""
    kept: int
    prunable: int
    status: Status
    reason: str
    margin: float
    """Recorded units."""
    loss_margin: float | None
    confidence: float
    """Confidence of each one-sided bound at this look, stricter than the spec's where there are several looks."""
    look: int = 1
    """The number of this look at growing data: cohorts that are judged at it."""
    looks: int = 1
    """Looks that the run may take; the spec's confidence is that of all of them together. 1: the verdict is final."""
    replicates: list[int]
    test_score: list[float | None]
    dense_test_score: list[float | None]
    """Mean test score of each replicate; null if it is not finite."""
    score: Summary
    dense_score: Summary
    early_stop_step: Summary
    dense_early_stop_step: Summary
    difference: Difference
    loss_difference: Difference
    behaviour: Behaviour | None = None
    dividend: Difference | None = None
    """Test score of the ticket minus a control's own, paired; the bounds are a two-sided 95 % interval for all
    controls of a level together."""
    replicates_needed: int | None = None
    """Replicates in all that are likely (80 %) to settle an UNDECIDED, if mean and spread stay as they are."""
    collapses: Collapses | None = None
    broken: bool | None = None
    """True if quality is lost even where every level of the scan is counted. Null: written before this was asked."""
    baseline: Baseline | None = None
    """Null where the task names none."""
    plateau: Plateau | None = None
    """Null where no look came before the last quarter, and in verdicts of a version that did not reckon it."""
    alone: bool = False
    """True: about these two networks alone; one replicate shows nothing of training them again."""


class Connectivity(Record):
    """`connectivity.json` of a stability step: the straight line between two ends that share the first updates."""

    after: int
    """Updates that both ends share."""
    replicates: list[int]
    errors: list[list[float]]
    """Share of the validation split that is wrong, (R, points of the line, both ends included)."""
    instability: Summary
    """Largest error on the line minus the mean error of its ends, as a fraction, over replicates."""


class Picture(Record):
    """A small image."""

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    channels: Literal[1, 3]
    pixels: str
    """Values 0 to 255, two hex digits each, row by row, the channels of a pixel side by side."""

    @model_validator(mode="after")
    def _as_many_as_said(self) -> "Picture":
        if len(bytes.fromhex(self.pixels)) != (size := self.height * self.width * self.channels):
            raise ValueError(f"pixels: expected {size} values of two hex digits each")
        return self


class Sample(Record):
    """One test example with what each network makes of it; or what each draws from the same stream."""

    example: int | None
    """Its number; null: drawn, not given."""
    given: Picture | None
    """The example, where it is an image."""
    truth: str | None
    """The right answer, where there is one."""
    dense: str | Picture
    candidate: str | Picture


class Samples(Record):
    """`samples.json` of a train step, beside dense: of one replicate's test split, disagreements first; or drawn."""

    replicate: int
    agreement: float | None
    """Share of the test split on which both networks say the same; null where that cannot be counted."""
    samples: list[Sample]


class Machine(Record):
    """The machine that a time was measured on."""

    cpu: str
    cores: int
    device: str
    threads: int
    versions: dict[str, str]
    environment: dict[str, str] = {}
    """Variables that tune dense kernels, where they are set."""
    date: str
    """UTC, ISO 8601."""


class Ratio(Record):
    """Median throughput over that of a dense back-end at the same batch size, interleaved round by round."""

    to: str
    ratio: float
    low: float
    high: float
    """95 % interval over processes, or over rounds where one process had them all."""


class SpeedRow(Record):
    """One back-end at one batch size. Latencies in seconds per call, throughput in examples per second."""

    backend: str
    batch_size: int
    p50: float
    p95: float
    p99: float
    throughput: float
    ratio: float
    """Median throughput over that of the best dense fp32 back-end at this batch size, interleaved round by round."""
    low: float
    high: float
    """95 % interval of the ratio over processes, or over rounds where one process had them all."""
    int8: Ratio | None = None
    """The same to the best dense one in int8. Null: none was timed, as in versions that had none."""
    any: Ratio | None = None
    """The same to the best dense one of any precision, fp32 among them. Null in versions that did not say it."""


class RungSpeed(Record):
    """A smaller dense network in fp32 at one batch size, by the back-end that is fastest there. Seconds per call."""

    rung: str
    weights: int
    """Prunable ones."""
    backend: str
    batch_size: int
    p50: float
    p95: float
    throughput: float
    """Examples per second."""
    dense: Ratio
    """Its throughput over that of the best dense fp32 back-end of the task's own network, interleaved with it."""
    ticket: Ratio
    """The same over what was chosen for the ticket."""


class Refusal(Record):
    """A back-end that was not timed, and why: it does not apply, or its outputs were not equal."""

    backend: str
    reason: str


class Quantized(Record):
    """Dense or the ticket in int8 by one back-end, judged against dense in fp32 by the gate that judges tickets."""

    backend: str
    ticket: bool = False
    status: Status
    reason: str
    left: list[str] = []
    """Layers of the ticket that are left in fp32, as the validation split asks, by the names of their weights."""
    replicates: list[int]
    score: Summary
    difference: Difference


class ServedRow(Record):
    """An arm at what it is used for."""

    arm: str
    """`dense`, `dense-int8`, `ticket`, `ticket-int8`; any other one is a network of its own, such as a smaller one."""
    backend: str
    seconds: Summary
    """For a unit: geometric mean over processes, or of one over its rounds. Null ends: there was one repetition."""
    ratios: list[Ratio] = []
    """Speed over each arm that is no ticket, `to` its name; paired, so that it is the ratio of the two means."""
    device: str = "cpu"
    bytes: int | None = None
    """Bytes of its weights as they are stored; of a decoder with its code and its cache of keys and values."""
    joules: float | None = None
    """Energy of a unit, read off the machine's counters around the timed calls. Null: not measured."""


class Served(Record):
    """The unit that a network is paid for by, and what it takes of a replica on the benchmark's threads."""

    unit: Literal["inference", "image", "token"]
    """A forward pass for one example; an image with every step of its sampler; a token of a decoder with its cache."""
    batch_size: int
    """Units that are made side by side."""
    how: str
    rows: list[ServedRow]
    refused: list[Refusal] = []
    """Ways that were not timed, and, where a task has samples that could not be served, why."""

    def row(self, arm: str) -> ServedRow | None:
        """The row of an arm, where it was timed."""
        return next((row for row in self.rows if row.arm == arm), None)

    def ratio(self, arm: str, to: str) -> Ratio | None:
        """The speed of one arm over that of another."""
        row = self.row(arm)
        return next((ratio for ratio in row.ratios if ratio.to == to), None) if row else None


class Speed(Record):
    """`speed.json` of a benchmark step. Only back-ends whose outputs equal those of their network are in `rows`.

    Those in int8 are near it; what that does to the score is in `quantized`.
    """

    machine: Machine
    replicate: int
    """The replicate with the median validation loss."""
    sparsity: float
    max_abs_difference: dict[str, float]
    """Largest absolute difference of a back-end's logits to the masked model's, on the test split."""
    rows: list[SpeedRow]
    refused: list[Refusal]
    chosen: str
    """Fastest back-end at the largest batch size; a dense one if nothing surely beats dense."""
    headline: SpeedRow
    """The row shown in the scorecard: the chosen back-end at the largest batch size."""
    processes: int = 1
    """Processes that shared the rounds. In one, an interval is blind to what is fixed in it."""
    choices: list[SpeedRow] = []
    """The chosen back-end at every batch size, smallest first."""
    cold: dict[str, float] = {}
    """Seconds until a back-end's first outputs, everything built for it included; no part of any other time."""
    precisions: dict[str, str] = {}
    """Precisions of the back-ends that compute in another one than float32."""
    quantized: list[Quantized] = []
    """Verdicts of int8: of the ticket, and of dense, the fastest at the headline's batch size first, until one passes,
    or the rest is slower than the ticket."""
    unjudged: str | None = None
    """The reason why something in int8 that was timed has no verdict."""
    controls: list[str] = []
    """Back-ends that are there to be compared with alone."""
    rungs: list[RungSpeed] = []
    """Smaller dense networks by batch size, where the run has a ladder."""
    plans: dict[str, dict[str, list[str]]] = {}
    """Kernel of each Linear, by batch size, for a back-end that chooses layer by layer."""
    served: Served | None = None
    """The unit that is paid for. Null in versions that did not time it."""

    def kernels(self, row: SpeedRow) -> str:
        """A row's back-end, or the kernels that were chosen layer by layer, joined by `+`."""
        plan = self.plans.get(row.backend)
        return "+".join(plan[str(row.batch_size)]) if plan else row.backend

    def opponent(self, batch_size: int) -> str:
        """The best dense fp32 back-end at a batch size: the one that ratios are to."""
        rows = (row for row in self.rows if row.batch_size == batch_size)
        return next(row.backend for row in rows if row.ratio == row.low == row.high == 1)
