"""A packed ticket in words: the verdict on the method, and beside it that on the one network that is deployed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from ..lottery.schedule import rounds
from ..lottery.spec import Experiment
from .judged import Judged, best
from .told import tell


def print_package(to: Path, package: Mapping[str, Any], report: str | None, as_json: bool) -> None:
    """On standard output, in words or as JSON."""
    size = to.stat().st_size
    if as_json:
        tell("pack", {"file": str(to), "bytes": size, **package, "report": report})
        return
    place = f"level {package['level']}, {package['sparsity']:.1%} sparse, replicate {package['replicate']}"
    typer.echo(f"{to}: {size:,} bytes, {place}")
    verdict = package["verdict"]
    typer.echo(f"the method, over {verdict['replicates']} replicates: {verdict['status']}, {verdict['reason']}")
    if int8 := package.get("int8"):
        typer.echo(f"the same in int8: {int8['status']}, {int8['reason']}")
    typer.echo(_alone(package["alone"]))


def _alone(verdict: Mapping[str, Any]) -> str:
    more = verdict["examples_needed"]
    enough = f"; about {more:,} test examples are likely to settle it" if more else ""
    on = f"on its {verdict['examples']:,} test examples"
    return f"this network alone, {on}: {verdict['status']}, {verdict['reason']}{enough}"


def beside(chosen: Judged, levels: Sequence[Judged], spec: Experiment, asked: bool) -> Iterator[str]:
    """Sentences where the level is not the one that a reader of the verdicts may expect."""
    target, named = rounds(spec.pruning), best(levels)
    last = next((ticket for ticket in levels if ticket.level == target and ticket.verdict.status == "PASS"), None)
    beyond = named is None or chosen.level > named.level
    if not asked and chosen.level > target:
        yield f"level {chosen.level} is past the target, level {target}: --level {target} packs that"
        return
    if chosen.verdict.status == "PASS" and beyond and chosen.level != target:
        yield f"level {chosen.level} passes behind one that does not: a PASS that was looked for among many"
    if not asked and last is not None and last is not chosen:
        yield f"the target, level {target}, passes too, behind one that does not: --level {target} packs it"
