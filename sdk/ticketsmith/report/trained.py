"""The dense training: what it surely beats, and whether it came to its plateau."""

from ..lottery.results import Verdict
from .findings import Findings
from .numbers import signed, unit, value


def worth(findings: Findings) -> list[str]:
    """Sentences on what dense is worth; the gap that a missing plateau leaves is in `limits`."""
    judged = findings.shown
    if judged is None:
        return []
    sentences = [_beaten(findings, judged)] if judged.baseline and judged.status != "INVALID" else []
    if (plateau := judged.plateau) and plateau.reached:
        sentences.append(f"Dense reached its plateau: {_gained(findings, judged)}, less than the margin.")
    return sentences


def short(findings: Findings) -> list[str]:
    """The sentence that dense did not come to its plateau; none if it did, or if nobody looked."""
    judged = findings.shown
    if judged is None or judged.plateau is None or judged.plateau.reached:
        return []
    sentence = f"Dense was not trained to its plateau: {_gained(findings, judged)}, more than the margin"
    held = f"; it is held to {judged.baseline.name}" if judged.baseline else ""
    return [f"{sentence}{held}. With more updates the verdict may be another."]


def _beaten(findings: Findings, verdict: Verdict) -> str:
    assert verdict.baseline is not None
    return f"Dense surely beats {verdict.baseline.name}: {value(findings.metric, verdict.baseline.score)}."


def _gained(findings: Findings, verdict: Verdict) -> str:
    metric, plateau = findings.metric, verdict.plateau
    assert plateau is not None
    gain = signed(metric.scale * plateau.gain, metric.decimals)
    return f"from update {plateau.after:,} to {plateau.stop:,} it gained {gain}{unit(metric)} on the validation split"
