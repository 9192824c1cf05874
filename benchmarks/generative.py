"""Generative tickets: quality of every arm, and what an image or a token costs, as docs/generative.md has it.

    python benchmarks/generative.py --keep gpt-char --store runs --command "ticketsmith run imp --task gpt-char ..."
    python benchmarks/generative.py --check

`--keep` takes a finished run from a store, at a price: its findings go to benchmarks/results, the picture of its
samples to docs/samples, and the rows in docs/generative.md are written anew. `--check` writes them once more from the
results, and fails where the page says anything else, or a task that needs no GPU has none. Without either, rows are
written anew.
"""

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ticketsmith import cards
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.results import Verdict
from ticketsmith.prices import rates
from ticketsmith.report import bill, png, serving
from ticketsmith.report.arms import ARMS
from ticketsmith.report.collect import collect
from ticketsmith.report.cost import cost
from ticketsmith.report.findings import Findings
from ticketsmith.report.numbers import NONE, bounds, change, dollars, duration, removed, scored
from ticketsmith.report.trained import short, worth
from ticketsmith.runs import find, spec_of
from ticketsmith.stores import open_store

ROOT = Path(__file__).parents[1]
RESULTS, PAGE, PICTURES = ROOT / "benchmarks/results", ROOT / "docs/generative.md", ROOT / "docs/samples"
GPU_ALONE = ("emoji-ddpm",)
"""Tasks that need not have been run where there is no GPU."""
TASKS = ("vae-digits", "vae-mnist", "ddpm-digits", "ddpm-mnist", "gpt-char", *GPU_ALONE)
SPARSITIES = (0.5, 0.8, 0.9)
"""The ticket's rows: of the levels that are nearest, each once."""
HEADS = ("Arm", "Sparsity", "Score", "n", "Change", "One-sided bounds", "Verdict", "$")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", metavar="RUN", help="the beginning of a run's id")
    parser.add_argument("--store", default="runs")
    parser.add_argument("--command", help="with --keep: the one that made the run")
    parser.add_argument("--price", help="with --keep: dollars an hour, or a machine of --prices")
    parser.add_argument("--prices", help="with --keep: a file such as examples/prices.yaml")
    parser.add_argument("--check", action="store_true", help="fail where page and results differ")
    options = parser.parse_args()
    if options.keep:
        keep(options)
    written = PAGE.read_text()
    page = renewed(written)
    if not options.check:
        PAGE.write_text(page)
        return 0
    missing = [task for task in TASKS if not (RESULTS / f"{task}.json").is_file()]
    print("\n".join(difflib.unified_diff(written.splitlines(), page.splitlines(), "page", "results", lineterm="")))
    print(f"{len(TASKS) - len(missing)} of {len(TASKS)} tasks have results", *(f"- {none(task)}" for task in missing))
    return 1 if {*missing} - {*GPU_ALONE} or page != written else 0


def keep(options: argparse.Namespace) -> None:
    """Put a run's findings, priced, among the results, and the picture of its samples beside the page."""
    store = open_store(options.store)
    ledger = Ledger(store, find(store, options.keep))
    priced = rates(options.price, options.prices, None)
    findings = collect(ledger, spec_of(store, ledger.run_id), cards.read(ledger), priced)
    task = ledger.run_id.rpartition("-")[0]
    changed: dict[str, Any] = {"inputs": {}}
    if picture := png.render(findings):
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"{task}.png").write_bytes(picture)
        changed |= {"samples": None, "beside": {}}
    kept = findings.model_copy(update=changed).model_dump(mode="json")
    whole = {"command": options.command, "findings": kept}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{task}.json").write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")


def renewed(page: str) -> str:
    """The page with the rows of every task that has results."""
    for task in TASKS:
        file = RESULTS / f"{task}.json"
        text = section(task, json.loads(file.read_text())) if file.is_file() else none(task)
        between = re.compile(rf"(<!-- rows of {task} -->\n).*?(<!-- end -->)", re.DOTALL)
        page, found = between.subn(partial(_put, text), page)
        assert found == 1, f"{PAGE.name} has {found} places for {task}"
    return page


def none(task: str) -> str:
    """The text in the place of rows."""
    return f"{task}: not run, no GPU" if task in GPU_ALONE else f"{task}: not run yet"


def _put(text: str, ends: re.Match[str]) -> str:
    return f"{ends[1]}{text}\n{ends[2]}"


def section(task: str, result: dict[str, Any]) -> str:
    """A task's command, machine, rows, remarks and samples."""
    findings = Findings.model_validate_json(json.dumps(result["findings"]))
    priced = cost(findings)
    lines = ["<!-- hours -->", "```bash", result["command"], "```", "", " ".join(_made(findings)), ""]
    lines += ["| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    lines += ["| " + " | ".join(cells) + " |" for cells in rows(findings)]
    lines += ["", *worth(findings), *short(findings)]
    if priced:
        lines += ["", *serving.remark(findings), bill.sentence(priced), bill.conditions(priced)]
    if (PICTURES / f"{task}.png").is_file():
        lines += ["", f"![Samples of {task}: dense, ticket, controls](samples/{task}.png)"]
    for arm, made in findings.drawn:
        lines += ["", f"{ARMS[arm].name}:", "", "```text", str(made[0]), "```"] if isinstance(made[0], str) else []
    return "\n".join(lines)


def rows(findings: Findings) -> Iterator[list[str]]:
    """Dense, the ticket level by level, and at the target the controls, smaller networks, and what is in int8."""
    assert findings.dense_score is not None
    priced = cost(findings)
    prices = {arm.arm: dollars(arm.dollars.mean) for arm in priced.arms} if priced else {}
    score, n = scored(findings.metric, findings.dense_score), str(findings.dense_score.n)
    yield [ARMS["dense"].name, removed(0), score, n, NONE, NONE, "baseline", prices.get("dense", NONE)]
    for verdict in levels(findings):
        at_target = verdict.level == findings.target
        yield _judged(findings, verdict, prices.get("ticket", NONE) if at_target else NONE)
    for verdict in findings.verdicts:
        if verdict.level == findings.target and verdict.arm != "ticket":
            yield _judged(findings, verdict, prices.get(verdict.arm.removesuffix("-long"), NONE))
    speed = findings.speed
    for each in speed.quantized if speed else []:
        arm = "ticket-int8" if each.ticket else "dense-int8"
        sparsity = speed.sparsity if speed and each.ticket else 0.0
        change_of = [change(findings.metric, each.difference.mean), bounds(findings.metric, each.difference)]
        if priced is None or any(bought.backend == each.backend for bought in priced.arms):
            yield [
                f"{'Ticket' if each.ticket else 'Dense'} in int8", removed(sparsity),
                scored(findings.metric, each.score), str(len(each.replicates)), *change_of, each.status,
                prices.get(arm, NONE),
            ]  # fmt: skip


def levels(findings: Findings) -> list[Verdict]:
    """The ticket's verdicts nearest to the sparsities, and at the target."""
    judged = findings.arm("ticket")
    shown = {_nearest(judged, sparsity).level for sparsity in SPARSITIES} | {findings.target}
    return [each for each in judged if each.level in shown]


def _nearest(judged: list[Verdict], sparsity: float) -> Verdict:
    return min(judged, key=lambda each: abs(each.sparsity - sparsity))


def _judged(findings: Findings, verdict: Verdict, price: str) -> list[str]:
    metric = findings.metric
    return [
        ARMS[verdict.arm].name, removed(verdict.sparsity), scored(metric, verdict.score), str(len(verdict.replicates)),
        change(metric, verdict.difference.mean), bounds(metric, verdict.difference), verdict.status, price,
    ]  # fmt: skip


def _made(findings: Findings) -> Iterator[str]:
    """Sentences on the run: its id, its machine, and the time that it took."""
    yield f"Run `{findings.run_id}`, {len(findings.shown.replicates) if findings.shown else 0} replicates."
    if findings.speed:
        machine = findings.speed.machine
        torch = machine.versions.get("torch", "?")
        yield f"{machine.cores} cores of {machine.cpu}, torch {torch}, {machine.date[:10]}."
    yield f"Training took {duration(sum(each.core_seconds for each in findings.spent))} of a core."


if __name__ == "__main__":
    sys.exit(main())
