"""The dense training: what it surely beats, and whether it came to its plateau."""

from ..lottery.results import Verdict
from .findings import Findings
from .numbers import signed, unit, value


def worth(findings: Findings) -> list[str]:
    """Sentences on what dense is worth; the gap that a missing plateau leaves is in `limits`."""
    judged = findings.shown
    if judged is None:
        return []
    said = [_beaten(findings, judged)] if judged.baseline and judged.status != "INVALID" else []
    if (found := judged.plateau) and found.reached:
        said.append(f"Dense reached its plateau: {_gained(findings, judged)}, less than the margin.")
    return said


def short(findings: Findings) -> list[str]:
    """The sentence that dense did not come to its plateau; none if it did, or if nobody looked."""
    judged = findings.shown
    if judged is None or judged.plateau is None or judged.plateau.reached:
        return []
    said = f"Dense was not trained to its plateau: {_gained(findings, judged)}, more than the margin"
    held = f"; it is held to {judged.baseline.name}" if judged.baseline else ""
    return [f"{said}{held}. With more updates the verdict may be another."]


def _beaten(findings: Findings, verdict: Verdict) -> str:
    assert verdict.baseline is not None
    return f"Dense surely beats {verdict.baseline.name}: {value(findings.metric, verdict.baseline.score)}."


def _gained(findings: Findings, verdict: Verdict) -> str:
    metric, found = findings.metric, verdict.plateau
    assert found is not None
    gain = signed(metric.scale * found.gain, metric.decimals)
    return f"from update {found.after:,} to {found.stop:,} it gained {gain}{unit(metric)} on the validation split"
