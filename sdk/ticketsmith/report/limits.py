"""The gaps in the evidence of a run."""

from collections import Counter

from ..lottery.results import Speed
from .arms import ARMS
from .cost import cost
from .findings import Findings
from .opponents import left_in_fp32, ticket_in_int8
from .trained import short


def limits(findings: Findings) -> list[str]:
    """One sentence per gap in the evidence, the gaps of this run first."""
    return [*_incomplete(findings), *_diverged(findings), *short(findings), *_speed(findings), *_always(findings)]


def _incomplete(findings: Findings) -> list[str]:
    sentences = []
    if findings.stopped_at is not None:
        sentences.append(
            f"The rounds ended at level {findings.stopped_at} of {findings.target}, as stop_on_fail asks: "
            "sparser levels were not tried."
        )
    if findings.missing:
        kinds = Counter(key.split("/")[3] for key in findings.missing)
        listed = ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items()))
        sentences.append(f"The run is not finished: {len(findings.missing)} steps are missing ({listed}).")
    return sentences


def _diverged(findings: Findings) -> list[str]:
    return [
        f"{ARMS[lost.arm].name}, level {lost.level}: replicate {lost.replicate} diverged at update {lost.update:,}; "
        f"its {findings.metric.name} is that of the look before."
        for lost in findings.diverged
    ]


def _speed(findings: Findings) -> list[str]:
    speed = findings.speed
    if speed is None:
        return ["Speed was not measured."]
    return [
        f"Speed was measured on one machine and for one replicate ({speed.replicate}).",
        f"Another CPU, another batch size or a busy host may give another ratio. {_untimed(speed)}",
        *_in_int8(speed, findings.spec.benchmark.int8),
        *_tuned(speed.machine.environment),
    ]


def _untimed(speed: Speed) -> str:
    return (
        "Of the controls, smaller dense networks alone were timed, in fp32."
        if speed.rungs
        else "Controls were not timed."
    )


def _in_int8(speed: Speed, asked: bool) -> list[str]:
    if not asked:
        return ["Nothing was timed in int8, as the spec asks: benchmark.precision is [fp32]."]
    if speed.headline.int8 is None:
        return []
    sentences = ["In int8 dense alone was timed: what a ticket gains from it was not measured."]
    if ticket := ticket_in_int8(speed):
        sentences = ["The ticket in int8 is another network than the ticket: its verdict and its speed are its own."]
        if left := left_in_fp32(ticket[1]):
            sentences.append(
                f"In int8 all of the ticket would lose too much, so the validation split left in fp32: {left}."
            )
    if speed.unjudged:
        sentences.append(f"Not judged in int8: {speed.unjudged.rstrip('.')}.")
    return sentences


def _tuned(environment: dict[str, str]) -> list[str]:
    settings = ", ".join(f"{name}={value}" for name, value in environment.items())
    return (
        [f"Set while speed was measured, and able to change how fast dense kernels are: {settings}."]
        if settings
        else []
    )


def _always(findings: Findings) -> list[str]:
    sentences = [
        "Every verdict, interval and bound speaks for one level by itself. The safe zone speaks for all its levels: "
        "they are judged in a fixed order, and the first that does not pass ends it; the breaking point is held to all "
        "of them together.",
        "The verdicts hold for this task, network and training protocol; nothing here shows that they carry over.",
        *_untold(findings),
    ]
    if findings.spec.gate.loss_margin is None and "loss" not in findings.metric.name:
        sentences.insert(1, "Test loss was measured and not judged: the spec sets no loss_margin.")
    if findings.one_pool:
        sentences.insert(
            1,
            "All replicates train on one pool of examples, so that their spread is that of seeds alone: with other "
            "training data the change may be another one, and no number of replicates would show it.",
        )
    if findings.shown and len(findings.shown.replicates) == 1:
        sentences.insert(0, "One replicate: there is no interval over training seeds.")
    if findings.samples:
        order = "disagreements first, of one replicate" if findings.samples.agreement is not None else "one replicate"
        sentences.append(f"The sample grid shows {order}: it is not a picture of the average.")
    return sentences


def _untold(findings: Findings) -> list[str]:
    """Memory, energy and dollars, as far as the section on cost has none of them."""
    if (priced := cost(findings)) is None:
        return ["Memory, energy and cost are told at a price alone, and none was given."]
    return [] if any(arm.joules is not None for arm in priced.arms) else ["Energy was not measured."]
