"""The spec of an experiment: every number that can change a result, with its unit; and the run id it leads to."""

from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..documents import canonical, ordered
from .choices import TICKET_IN_INT8
from .collapse import least, shared
from .margin import amount, parsed

SCHEMA = 2  # of run ids

Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=10**9)]


class Part(BaseModel):
    """A section of the spec: frozen, strict, and closed to keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Sources(Part):
    """Digests of everything besides the spec that decides a number. Filled in, never typed."""

    name: str = Field("digits-mlp", description="of the task, a DNS label")
    engine: str = Field("", description="SHA-256 of the package's sources that decide numbers")
    code: str = Field("", description="SHA-256 of the archive of the task's code")
    data: str = Field("", description="SHA-256 of the examples")
    weights: str | None = Field(None, description="SHA-256 of the weights that training starts from; null: theta_0")


class Training(Part):
    """The training of every arm."""

    steps: Count = Field(description="optimizer updates of the dense training, T")
    batch_size: Count = Field(description="examples per update")
    optimizer: Literal["sgd", "adam", "adamw"] = Field("sgd", description="update rule, as torch.optim has it")
    learning_rate: Annotated[float, Field(gt=0)] = Field(description="at update 0, or as the warm-up ends")
    momentum: Fraction = Field(0.0, description="SGD only")
    nesterov: bool = Field(False, description="SGD with momentum only: the step looks ahead, as torch's does")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        0.0,
        description="of every parameter, biases and norms too, as in torch. sgd and adam: the weight times this joins "
        "its gradient, after `clip`; adamw: the weight times this and the learning rate is taken from it",
    )
    clip: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="maximum Euclidean norm of an update's gradient, over all parameters, masked; null: no maximum",
    )
    schedule: Literal["constant", "step", "cosine", "milestones"] = Field(
        "constant",
        description="step: a tenth from T/2 on, a hundredth from 3T/4 on; cosine: falls to 0 at update T, from the end "
        "of the warm-up on; milestones: a tenth more from each of `milestones` on",
    )
    milestones: Annotated[tuple[Count, ...], Field(max_length=10)] = Field(
        (), description="updates, ascending; for the schedule of that name alone"
    )
    warmup: Annotated[int, Field(ge=0)] = Field(
        0, description="first updates, u = 0, 1, ..., whose rate is (u + 1) / (warmup + 1) of what the schedule says"
    )
    evaluate_every: Count = Field(100, description="updates between two evaluations on the validation split")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16: autocast, other arithmetic, by the trainers eager and stack alone"
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="cuda: a GPU, other arithmetic")
    trainer: str = Field("auto", description="file in ticketsmith_runner/trainers; auto: by network and density")
    start: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="safetensors file of weights that training starts from; null: theta_0 as the task draws it"
    )

    @model_validator(mode="after")
    def _momentum_to_look_ahead(self) -> "Training":
        if self.nesterov and not (self.optimizer == "sgd" and self.momentum):
            raise ValueError(
                f"training.nesterov: expected false unless optimizer is sgd and momentum above 0, "
                f"got true with {self.optimizer} and momentum {self.momentum:g}"
            )
        return self

    @model_validator(mode="after")
    def _milestones_within_training(self) -> "Training":
        marks = self.milestones
        if (self.schedule == "milestones") != bool(marks):
            expected = "at least one" if self.schedule == "milestones" else "none"
            raise ValueError(
                f"training.milestones: expected {expected} with schedule {self.schedule}, got {list(marks)}"
            )
        if list(marks) != sorted(set(marks)) or any(mark >= self.steps for mark in marks):
            raise ValueError(
                f"training.milestones: expected ascending numbers below steps ({self.steps}), got {list(marks)}"
            )
        return self

    @model_validator(mode="after")
    def _warm_before_the_end(self) -> "Training":
        if self.warmup >= self.steps:
            raise ValueError(f"training.warmup: expected fewer than steps ({self.steps}), got {self.warmup}")
        return self


class Pruning(Part):
    """The pieces that are removed, how fast, and where training restarts."""

    sparsity: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.8,
        description="share of the prunable weights removed at the end; exact where weights compete; sixteenths where "
        "windows are pruned, and the output layer's are its own",
    )
    fraction: Annotated[float, Field(gt=0, lt=1)] = Field(0.2, description="share of the survivors removed a round")
    granularity: str = Field(
        "weight",
        description="what competes, a file in ticketsmith_runner/granularities; vector: 16 weights of one input; "
        "window: weights within each 16 inputs of a unit, of which the same number is left everywhere",
    )
    scope: Literal["layerwise", "global"] = Field("layerwise", description="where magnitudes compete")
    output_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="pace of the output layer beside others, as a factor of `fraction`; layerwise only"
    )
    criterion: str = Field("magnitude", description="file in ticketsmith_runner/criteria")
    rewind_to: Annotated[int, Field(ge=0)] = Field(0, description="k: survivors go back to their values after update k")


class Collapse(Part):
    """The share of trainings that may lose much more than the mean: each replicate is one training."""

    by: Annotated[float, Field(gt=0)] | None = Field(
        None, description="shown units (points, nats) worse than dense from which it counts; null: twice the margin"
    )
    at_most: Annotated[float, Field(ge=0.001, le=0.999)] = Field(0.3, description="share of trainings that may")


class GateRule(Part):
    """The rule by which a ticket counts as good as dense. The bound decides, not the mean."""

    margin: float | str = Field(
        0.005, description="what may be lost against dense: recorded units (0.005 is 0.5 points), or 1 % of its mean"
    )
    loss_margin: Annotated[float, Field(ge=0)] | None = Field(
        None, description="test loss that may be added against dense, in nats; null: loss is not judged"
    )
    collapse: Collapse | None = Field(None, description="null: collapses are counted, not judged")
    confidence: Annotated[float, Field(ge=0.5, le=0.999999)] = Field(
        0.95, description="of each one-sided bound, over all looks together"
    )

    @field_validator("margin", mode="before")
    @classmethod
    def _a_number_or_a_share(cls, given: object) -> float | str:
        return parsed(given)

    def against(self, mean: float) -> float:
        """The margin in recorded units, where dense has this mean score.

        >>> GateRule(margin=0.01).against(0.98), GateRule(margin="+1 %").against(-2.0)
        (0.01, 0.02)
        """
        return self.margin if isinstance(self.margin, float) else amount(self.margin, mean)


class BenchmarkOptions(Part):
    """The measurement of speed. Not part of the run id: it changes no result of the search."""

    batch_sizes: tuple[Count, ...] = Field((1, 16, 64, 256), min_length=1, description="examples per call")
    rounds: Count = Field(
        16, description="interleaved rounds, shared by processes; every back-end is timed once in each"
    )
    seconds: Annotated[float, Field(gt=0, le=3600)] = Field(0.002, description="time per back-end, batch and round")
    threads: Count = Field(1, description="of every back-end")
    backends: tuple[str, ...] = Field((), description="of the ticket, to be timed beside all dense ones; empty: all")
    replicate: Annotated[int, Field(ge=0)] | None = Field(
        None, description="number over all cohorts; null: the one with the median validation loss"
    )
    precision: tuple[Literal["fp32", "int8"], ...] = Field(
        ("fp32", "int8"), description="fp32 alone: nothing in int8 is timed or judged, neither dense nor ticket"
    )
    ranges: Literal["dynamic", "static"] = Field(
        "dynamic",
        description="of the inputs of a ticket in int8. dynamic: of each row as it comes; static: of the validation "
        "split, found once for each layer",
    )
    machine: str = Field("", description="another name, another measurement; empty: the first machine that measures")

    @field_validator("precision")
    @classmethod
    def _fp32_to_compare_with(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if "fp32" not in given or len({*given}) < len(given):
            raise ValueError(
                "benchmark.precision: expected [fp32] or [fp32, int8], as ratios and verdicts are to fp32, "
                f"got [{', '.join(given)}]"
            )
        return tuple(sorted(given))

    @model_validator(mode="after")
    def _int8_for_what_is_in_int8(self) -> "BenchmarkOptions":
        if self.int8:
            return self
        if TICKET_IN_INT8 in self.backends:
            raise ValueError(f"benchmark.backends: expected none in int8 with precision [fp32], got {TICKET_IN_INT8}")
        if self.ranges == "static":
            raise ValueError("benchmark.ranges: expected dynamic with precision [fp32], got static")
        return self

    @property
    def int8(self) -> bool:
        """Tell whether what is in int8 is timed and judged."""
        return "int8" in self.precision

    @property
    def digest(self) -> str:
        return sha256(canonical(self.model_dump(mode="json"))).hexdigest()[:12]


class Experiment(Part):
    """One experiment: a task, a method, and the question asked of the result."""

    task: str = Field("digits-mlp", description="a file (flowers.py), a module (my_pkg.flowers), or an installed task")
    sources: Sources = Sources()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="root of every named random stream")
    replicates: Count = Field(description="independent repetitions before the gate looks, and before each further look")
    looks: Annotated[int, Field(ge=1, le=20)] = Field(
        4, description="how often the gate may look, each time with more replicates; 1: once, and its verdict is final"
    )
    max_replicates: Count | None = Field(
        None, description="train and look on until decided, up to this many replicates in all; null: one look"
    )
    controls: tuple[Literal["reinit", "random", "lr-rewind", "finetune", "smaller"], ...] = Field(
        ("reinit", "random"),
        description="arms beside the ticket; smaller: dense networks of fewer weights, at the target alone",
    )
    options: dict[str, Any] = Field({}, description="keyword arguments of the task's `model`")
    training: Training
    pruning: Pruning = Pruning()
    gate: GateRule = GateRule()
    benchmark: BenchmarkOptions = BenchmarkOptions()
    samples: bool = Field(
        True, description="show what networks draw, or test examples with their answers, in reports; changes no result"
    )
    stop_on_fail: bool = Field(False, description="take no further rounds after a FAIL; changes no round's result")
    until_fail: bool = Field(
        False,
        description="past the target, leave half of the weights round by round, until a FAIL that counts among all "
        "levels; changes no round's result",
    )

    @field_validator("options")
    @classmethod
    def _in_order(cls, options: dict[str, Any]) -> dict[str, Any]:
        """Sorted as the stored spec is, so that a report has the same bytes from either."""
        return {name: ordered(options[name]) for name in sorted(options)}

    @model_validator(mode="after")
    def _rewind_lies_within_training(self) -> "Experiment":
        if self.pruning.rewind_to >= self.training.steps:
            raise ValueError(
                f"pruning.rewind_to: expected fewer than training.steps ({self.training.steps}), "
                f"got {self.pruning.rewind_to}"
            )
        return self

    @model_validator(mode="after")
    def _a_rate_to_go_on_with(self) -> "Experiment":
        if "finetune" in self.controls and self.training.schedule == "cosine":
            raise ValueError("controls: finetune keeps the last learning rate; with training.schedule cosine it is 0")
        return self

    @model_validator(mode="after")
    def _equal_starts(self) -> "Experiment":
        if "smaller" in self.controls and self.training.start is not None:
            raise ValueError("controls: smaller begins with drawn weights; training.start has none for it")
        return self

    @model_validator(mode="after")
    def _whole_cohorts(self) -> "Experiment":
        most, cohort, looks = self.max_replicates, self.replicates, self.looks
        if most is not None and (most % cohort or not cohort <= most <= cohort * looks):
            raise ValueError(
                f"max_replicates: expected a multiple of replicates ({cohort}), at most {cohort * looks}, "
                f"which the gate's {looks} looks allow, got {most}"
            )
        for name in ("stop_on_fail", "until_fail"):
            if self.cohorts > 1 and getattr(self, name):
                raise ValueError(f"{name}: expected false with max_replicates: later cohorts judge every round")
        return self

    @model_validator(mode="after")
    def _enough_to_show_collapses(self) -> "Experiment":
        if (rule := self.gate.collapse) is None:
            return self
        needed = least(rule.at_most, shared(self.gate.confidence, self.looks))
        if needed > (most := self.replicates * self.looks):
            raise ValueError(
                f"gate.collapse.at_most: {rule.at_most:g} takes at least {needed} replicates to show in {self.looks} "
                f"looks, {least(rule.at_most, self.gate.confidence)} in one (looks=1), got {most} at most"
            )
        return self

    @property
    def cohorts(self) -> int:
        """Cohorts that may be trained at most: one for each look that is paid for."""
        return (self.max_replicates or self.replicates) // self.replicates

    def identity(self) -> dict[str, object]:
        """The part of the spec that decides a training, every default written out: how many there are does not.

        A file that was moved is the same task, or the same weights: its name and digests stand for it.
        """
        rounds = ("stop_on_fail", "until_fail", "replicates", "looks", "max_replicates")
        besides = ("task", "benchmark", "samples", *rounds)
        return self.model_dump(mode="json", exclude=dict.fromkeys(besides, True) | {"training": {"start"}})

    def question(self) -> str:
        """Digest of what is asked, whatever the seed: two runs with one question are two tries of it."""
        return sha256(canonical({k: v for k, v in self.identity().items() if k != "seed"})).hexdigest()[:12]

    def run_id(self) -> str:
        """`<task>-<12 hex digits>`: the digest of identity, engine, code, data and weights. A valid DNS label."""
        spec = {key: value for key, value in self.identity().items() if key != "sources"}
        sources = self.sources.model_dump(mode="json", exclude={"name"})
        whole = {"schema": SCHEMA, "spec": spec, **sources}
        return f"{self.sources.name}-{sha256(canonical(whole)).hexdigest()[:12]}"
