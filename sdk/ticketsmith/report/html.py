"""report.html: the values of its template, where the words and the layout are."""

from collections.abc import Sequence
from shlex import join
from typing import Any

from . import bill, ladder, levels, scorecard, serving
from .advice import Advice
from .bars import bars, served
from .brief import brief
from .cost import cost
from .curve import NARROW, WIDE, curve
from .decision import decide, instead, remarks
from .dividend import dividend
from .figures import figures
from .findings import Findings
from .forest import forest
from .frontier import frontier
from .grid import Answered, grid
from .limits import limits
from .numbers import level_of, unit
from .page import page
from .reproduce import COMMAND, provenance, yaml
from .speed import conditions, in_int8, not_timed, repetitions, timings
from .zones import RULE, zones

Values = dict[str, Any]


def render(findings: Findings, onward: Sequence[Advice] = ()) -> bytes:
    """The whole page; `onward`: steps that may come next, the likeliest first."""
    return page(
        "report.html",
        findings=findings,
        decision=decide(findings),
        remarks=remarks(findings),
        brief=brief(findings),
        instead=instead(findings),
        onward=[{"why": advice.why, "command": join(["ticketsmith", *advice.words])} for advice in onward[:1]],
        figures=figures(findings),
        forest=forest(findings.metric, findings.shown) if findings.shown else "",
        curve={"wide": curve(findings, WIDE), "narrow": curve(findings, NARROW)},
        zones=zones(findings.arm("ticket")),
        zone_rule=RULE,
        scorecard={"table": scorecard.table(findings), "caption": scorecard.caption(findings)},
        levels=_levels(findings),
        speed=_speed(findings),
        ladder=_ladder(findings),
        cost=_cost(findings),
        samples=_samples(findings),
        limits=limits(findings),
        reproduce=_reproduce(findings),
    )


def _levels(findings: Findings) -> Values | None:
    """Tables of the levels that were judged, and the rule that each was judged by."""
    if not findings.verdicts:
        return None
    return {
        "verdicts": levels.verdicts(findings),
        "rule": _rule(findings),
        "controls": levels.controls(findings) if findings.controls else None,
        "dividend": dividend(findings),
        "replicates": levels.replicates(findings) if findings.shown else None,
        "behaviours": levels.behaviours(findings),
        "behaviours_note": levels.behaviours_note(),
        "early_stops": levels.early_stops(findings),
    }


def _rule(findings: Findings) -> dict[str, str]:
    judged, metric = findings.shown or findings.verdicts[0], findings.metric
    pass_side, fail_side = ("lower", "upper") if metric.higher_is_better else ("upper", "lower")
    margin = f"{metric.scale * judged.margin:.{metric.decimals}f}{unit(metric)}"
    return {
        "confidence": level_of(judged.confidence), "pass_side": pass_side, "fail_side": fail_side, "margin": margin
    }  # fmt: skip


def _speed(findings: Findings) -> Values | None:
    if (speed := findings.speed) is None:
        return None
    return {
        "served": _served(findings),
        "pictures": bars(speed),
        "repetitions": repetitions(speed),
        "conditions": conditions(speed),
        "sparsity": speed.sparsity,
        "in_int8": in_int8(speed, findings.metric) if speed.quantized else None,
        "timings": timings(speed),
        "not_timed": not_timed(speed),
    }


def _served(findings: Findings) -> Values | None:
    """Tokens or images; nothing where forward passes are what is served."""
    if (timed := serving.unit(findings)) is None:
        return None
    counts = serving.best(timed, findings)
    return {"picture": served(timed, counts.arm if counts else ""), "how": timed.how}


def _ladder(findings: Findings) -> Values | None:
    if not ladder.steps(findings):
        return None
    return {"pictures": frontier(findings), "table": ladder.table(findings), "note": ladder.NOTE}


def _cost(findings: Findings) -> Values | None:
    if (priced := cost(findings)) is None:
        return None
    arms = bill.arms(priced) if priced.arms else None
    return {"arms": arms, "conditions": bill.conditions(priced), "search": bill.search(priced)}


def _samples(findings: Findings) -> Values | None:
    if (samples := findings.samples) is None:
        return None
    shown = grid(samples, findings.beside)
    return {
        "replicate": samples.replicate,
        "agreement": samples.agreement,
        "given": any(sample.given for sample in samples.samples),
        "arms": [name for name, _ in findings.drawn],
        "figures": shown,
        "answered": all(isinstance(sample, Answered) for sample in shown),
    }


def _reproduce(findings: Findings) -> Values:
    done = "\n".join(f"{digest[:16]}  {key}" for key, digest in findings.inputs.items())
    return {"command": COMMAND, "provenance": provenance(findings), "spec": yaml(findings.spec), "done": done}
