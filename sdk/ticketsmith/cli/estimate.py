"""An estimate of what is left of a run, from pods that were measured. A bound is the plan's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ..hardware import Profile
from ..report.numbers import dollars, duration
from .measured import Sample
from .needed import Key, Pod, paid, span


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Time and money that pods will take."""

    seconds: float
    """From now to the end."""
    machine_seconds: float
    """Of pods that are paid for by the hour."""
    gpu: str | None
    """GKE's name of what they hold; None: machines without GPU."""
    dollars: float | None
    unknown: tuple[str, ...]
    """Parts of which no pod was measured: they are not in it."""

    def __str__(self) -> str:
        held = f"on {self.gpu}" if self.gpu else "of machines"
        cost = f", {dollars(self.dollars)}" if self.dollars is not None else ""
        aside = f"; without {', '.join(self.unknown)}, not measured yet" if self.unknown else ""
        return f"about {duration(self.seconds)}, {duration(self.machine_seconds)} {held}{cost}{aside}"


def estimate(
    pods: Mapping[Key, Pod],
    known: Sequence[Sample],
    machines: Profile,
    price: float | None,
    left: Mapping[Key, float] | None = None,
) -> Estimate | None:
    """The estimate for `pods`; None where no training was measured, or none of what is left.

    `left`: seconds of those that are at work.
    """
    guesses = {key: _guess(pod, known) for key, pod in pods.items()} | dict(left or {})
    trainings = [guesses[key] for key, pod in pods.items() if pod.part == "chain"]
    if None in trainings or not any(guesses.values()):
        return None
    seconds = {key: guess or 0.0 for key, guess in guesses.items()}
    machine_seconds = sum(seconds[key] for key, pod in pods.items() if paid(machines, pod.part))
    return Estimate(
        seconds=span(pods, seconds),
        machine_seconds=machine_seconds,
        gpu=machines.train.accelerator or machines.benchmark.accelerator,
        dollars=None if price is None else machine_seconds / 3600 * price,
        unknown=tuple(sorted({pod.part for key, pod in pods.items() if guesses[key] is None})),
    )


def _guess(pod: Pod, known: Iterable[Sample]) -> float | None:
    """The median of pods of its kind; of another arm, where none of its own was measured."""
    like = [sample for sample in known if sample.pod.part == pod.part]
    like = [sample for sample in like if sample.pod.arm == pod.arm] or like
    return median(_scaled(sample, pod.updates) for sample in like) if like else None


def _scaled(sample: Sample, updates: int) -> float:
    if not sample.pod.updates:
        return sample.seconds
    return sample.seconds + sample.trained * (updates / sample.pod.updates - 1)
