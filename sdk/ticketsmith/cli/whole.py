"""A run over all its Workflows: one that goes on begins where another ended, and Argo forgets that one after days."""

from collections.abc import Iterator
from contextlib import suppress

from .. import cards
from ..argo import Argo, Document, run_of
from ..argo.tree import Part, tree
from ..errors import TicketSmithError
from ..executors.argo import parameter
from ..ledger import Ledger
from ..lottery.metric import Metric
from ..lottery.results import Verdict
from ..lottery.spec import Experiment
from ..lottery.steps import Gate
from ..runs import steps, verdict
from ..specs import read_stored
from ..stores import open_store

Place = tuple[int, int]
"""Cohort and round."""


def earlier(argo: Argo, workflow: Document) -> tuple[Part, ...]:
    """Parts that were done before this Workflow: by those before it or, where Argo has none, by the store's record.

    What cannot be read is left out: `status` needs no more rights than Argo's, and a watch does not end by it.
    """
    parts: dict[str, Part] = {}
    with suppress(TicketSmithError):
        parts |= {part.title: part for part in _of_others(argo, workflow)}
    begins = _begins(workflow)
    behind = begins[0] > 0 and all(part.cohort >= begins[0] for part in parts.values())
    if behind or any(title not in parts for title in _gates(begins)):
        with suppress(TicketSmithError):
            parts = {part.title: part for part in _of_store(workflow, begins)} | parts
    return tuple(parts.values())


def _of_others(argo: Argo, workflow: Document) -> Iterator[Part]:
    """Parts that other Workflows of the run had done, the newest last; the report is written anew each time."""
    name, run = workflow["metadata"]["name"], run_of(workflow)
    for other in argo.list(run):
        if (before := other["metadata"]["name"]) == name:
            return
        parts = tree(argo.get(before)).parts
        yield from (part for part in parts if part.phase == "Succeeded" and part.name != "report")


def _begins(workflow: Document) -> Place:
    """Cohort and round of the first step that was missing."""
    cohort, level = (parameter(workflow, name) or "" for name in ("cohort", "round"))
    return int(cohort) if cohort.isdigit() else 0, int(level) if level.isdigit() else 1


def _gates(begins: Place) -> Iterator[str]:
    """Titles of the gates that must have been passed: those of the rounds before, in the cohort that it begins in."""
    cohort, level = begins
    yield from (_part("gate", cohort, number, "ticket").title for number in range(1, level))


def _of_store(workflow: Document, begins: Place) -> Iterator[Part]:
    """The rounds before, as their gates judged them."""
    store = open_store(str(parameter(workflow, "store")))
    spec = read_stored(store, str(parameter(workflow, "spec")))
    ledger = Ledger(store, run_of(workflow))
    yield from _judged(ledger, spec, cards.read(ledger).metric, begins)


def _judged(ledger: Ledger, spec: Experiment, metric: Metric, begins: Place) -> Iterator[Part]:
    for gate in steps(ledger, spec):
        if isinstance(gate, Gate) and (gate.cohort, gate.level) < begins and ledger.done(gate):
            judgement = verdict(ledger, gate)
            if gate.level == 1:
                yield _part("chain", gate.cohort, 0, "dense", score=metric.shown(judgement.dense_score.mean))
            yield from _of_gate(gate, judgement, metric.shown(judgement.score.mean))


def _of_gate(gate: Gate, verdict: Verdict, score: str) -> Iterator[Part]:
    """A ticket's gate is a part of its own; a control has its verdict with it."""
    told = {"status": verdict.status, "sparsity": str(verdict.sparsity)}
    ticket = gate.arm == "ticket"
    yield _part("chain", gate.cohort, gate.level, gate.arm, score=score, **({} if ticket else told))
    if ticket:
        yield _part("gate", gate.cohort, gate.level, gate.arm, **told)


def _part(name: str, cohort: int, level: int, arm: str, **outputs: str) -> Part:
    """A part that is done, of whose pods nothing is known."""
    return Part(
        name=name, workflow="", cohort=cohort, level=level, arm=arm, phase="Succeeded", message="", attempts=(),
        outputs=outputs,
    )  # fmt: skip
