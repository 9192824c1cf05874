"""The quality gate: one-sided non-inferiority against dense. The bound decides, not the mean.

After Piaggio et al., Reporting of Noninferiority and Equivalence Randomized Trials, JAMA 308 (2012):
https://doi.org/10.1001/jama.2012.87802. A bound holds for one level and all looks that the run may take.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

from .collapse import at_least, at_most, least, lost_more, shared
from .metric import Metric
from .results import Collapses, Difference, Status

EXIT_CODES: dict[Status, int] = {"PASS": 0, "FAIL": 1, "UNDECIDED": 7, "INVALID": 8}
ONE_REPLICATE = "one replicate: the variance over training seeds is unknown; use --replicates"
CHANGE = "the difference"
ALONE = "with one replicate this is about these two networks alone, not about training them again"
CARRIERS = 35
"""Examples that must carry a change before its mean has a bound; tests/gate/worlds.py has what fewer lead to."""
LOSS = Metric(name="loss", unit="nats", margin=0.001)
"""The second question of a gate, in four decimals: loss that a ticket adds, whatever the score is."""

ENDLESS = 1e15
"""Test examples: more than anyone has."""

Part = tuple[Status, str]


def together(parts: Sequence[Part]) -> Part:
    """FAIL if any part fails, PASS if all parts pass; the sentences that say why, each once."""
    statuses = {status for status, _ in parts}
    overall: Status = "FAIL" if "FAIL" in statuses else "PASS" if statuses == {"PASS"} else "UNDECIDED"
    return overall, "; ".join(dict.fromkeys(reason for _, reason in parts))


def judge(change: Difference, margin: float, confidence: float, metric: Metric, noun: str = CHANGE) -> Part:
    """Candidate minus dense, in recorded units: PASS if surely less than the margin is lost, FAIL if surely more is.

    The bound that argues against it decides: of a score that is better the higher, the lower one for PASS.
    """
    if change.low is None or change.high is None:
        return "UNDECIDED", ONE_REPLICATE
    best, worst = sorted((metric.harm(change.low), metric.harm(change.high)))
    bounds = _Bounds(change, margin, confidence, metric, noun)
    if best > margin:
        return "FAIL", bounds.beyond(upper=metric.higher_is_better)
    if change.carriers is not None and change.carriers < CARRIERS:
        return "UNDECIDED", (
            f"about {max(change.carriers, 1):.0f} {_units(change)} carry {noun}, and fewer than {CARRIERS} "
            "leave its mean without a bound"
        )
    if worst < margin:
        return "PASS", bounds.beyond(upper=not metric.higher_is_better)
    if too_few(change, margin, confidence, metric):
        return "UNDECIDED", (
            f"{change.units:,} {_units(change)} cannot show a margin of {_shown(f'{metric.scale * margin:g}', metric)} "
            f"at {level(confidence)}: even a ticket that loses none takes {examples_needed(margin, confidence):,}"
        )
    return "UNDECIDED", bounds.around()


def judge_collapse(seen: Collapses, allowed: float, confidence: float, looks: int, metric: Metric) -> Part:
    """Trainings that lost much more than the mean: PASS if surely no more than the share `allowed` of all do."""
    sure, count = shared(confidence, looks), lost_more(seen.lost, seen.of, seen.by, metric)
    most, fewest = at_most(seen.lost, seen.of, sure), at_least(seen.lost, seen.of, sure)
    if most <= allowed:
        return "PASS", f"{count}, so that at most {most:.1%} of all do, and {allowed:.1%} may"
    if fewest > allowed:
        return "FAIL", f"{count}, so that at least {fewest:.1%} of all do, and {allowed:.1%} may"
    more = f", which takes {needed} replicates to show" if (needed := least(allowed, sure)) > seen.of else ""
    return "UNDECIDED", f"{count}, which leaves up to {most:.1%} of all possible, and {allowed:.1%} may{more}"


def too_few(change: Difference, margin: float, confidence: float, metric: Metric) -> bool:
    """True if the number of test examples alone stands between this mean and a PASS; of shares alone."""
    n, harm = change.units, metric.harm(change.mean)
    if change.kind != "share" or n is None or n >= examples_needed(margin, confidence) or harm >= margin:
        return False
    return harm + null_reach(margin, n, confidence) >= margin


def null_reach(margin: float, n: int, confidence: float) -> float:
    """Least distance of the bound of a share from the mean: z times the error where `margin` is really lost.

    Farrington & Manning, Stat. Med. 9 (1990); Tango, Stat. Med. 17 (1998). Where no example was lost, the spread that
    was seen is 0, and says nothing of the losses that a test set of n examples would miss.

    >>> f"{null_reach(0.005, 1797, 0.95):.5f}"  # 0.27 points
    '0.00274'
    """
    return NormalDist().inv_cdf(confidence) * math.sqrt(max(margin * (1 - margin), 0.0) / n)


def examples_needed(margin: float, confidence: float) -> int:
    """The fewest test examples that can show a margin: those with which a ticket that loses none would pass.

    >>> examples_needed(0.005, 0.95), examples_needed(0.001, 0.95)
    (539, 2703)
    """
    z = NormalDist().inv_cdf(confidence)
    return math.floor(min(z * z * max(1 - margin, 0.0) / margin, ENDLESS)) + 1


def level(confidence: float) -> str:
    """A confidence in words.

    >>> level(0.95), level(0.98066)
    ('95 %', '98.07 %')
    """
    return f"{100 * confidence:.4g} %"


def diverged(arm: str, replicates: Sequence[int], at: Sequence[int | None]) -> str | None:
    """A sentence if any replicate of an arm diverged: such an arm FAILs, whatever the others say."""
    gone = [f"replicate {r} at update {step}" for r, step in zip(replicates, at, strict=True) if step is not None]
    return f"{arm} diverged (loss is NaN or infinite): {', '.join(gone)}" if gone else None


class _Bounds:
    """Both bounds and the margin in words, in shown units."""

    def __init__(self, change: Difference, margin: float, confidence: float, metric: Metric, noun: str) -> None:
        shown = [metric.scale * value for value in (change.low or 0.0, change.high or 0.0, metric.harm(margin))]
        self.low, self.high, self.edge = _texts(*shown, decimals=metric.decimals)
        self.one_sided, self.metric, self.noun = f"one-sided {level(confidence)}", metric, noun

    def beyond(self, *, upper: bool) -> str:
        side, where, text = ("upper", "below", self.high) if upper else ("lower", "above", self.low)
        bound, edge = _shown(text, self.metric), _shown(self.edge, self.metric)
        return f"the {self.one_sided} {side} bound of {self.noun}, {bound}, lies {where} {edge}"

    def around(self) -> str:
        of = "" if self.noun == CHANGE else f" of {self.noun},"
        edge, high = _shown(self.edge, self.metric), _shown(self.high, self.metric)
        return f"{edge} lies between the {self.one_sided} bounds{of} {self.low} and {high}"


def _shown(text: str, metric: Metric) -> str:
    return f"{text} {metric.change_unit}".rstrip()


def _units(change: Difference) -> str:
    return "test examples" if change.groups is None else "groups of test examples"


def _texts(low: float, high: float, limit: float, *, decimals: int) -> list[str]:
    """The three numbers in as few decimals as tell the bounds from the limit: never '-0.50 lies above -0.50'."""
    texts = []
    for places in range(decimals, 12):
        texts = [_signed(value, places) for value in (low, high, limit)]
        if (texts[0] != texts[2] or low == limit) and (texts[1] != texts[2] or high == limit):
            break
    return texts


def _signed(value: float, places: int) -> str:
    text = f"{value:+.{places}f}"
    return text if float(text) else text[1:]  # zero has no sign
