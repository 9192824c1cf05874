"""Runs from Python: what `ticketsmith run imp` does, as a call. In a notebook a run shows its scorecard.

from ticketsmith.notebook import run
run("flowers.py", sparsity=0.8)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import cards
from .allowance import cores
from .cli import INTERRUPTED
from .cli.asked import Asked
from .cli.progress import watched
from .cli.show import written
from .errors import Diverged, TicketSmithError
from .ledger import Ledger
from .lottery.results import Status
from .plans import held
from .report import Findings, collect, markdown
from .report.decision import decide
from .report.scorecard import scorecard
from .runs import complete, find, note, spec_of
from .stores import open_store


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it is in its store, finished or not."""

    id: str
    store: str
    findings: Findings = field(repr=False)
    """All that the report knows: verdicts, speed, samples, limits."""

    @property
    def status(self) -> Status | None:
        """The verdict at the target sparsity; None before it is reached."""
        end = self.findings.concluding
        return end.status if end else None

    @property
    def decision(self) -> str:
        """The answer in one sentence."""
        return decide(self.findings).sentence

    @property
    def scorecard(self) -> list[dict[str, Any]]:
        """A dict for each variant, for `pandas.DataFrame`: scores in the recorded unit, throughput over dense fp32."""
        return [row.model_dump(mode="json") for row in scorecard(self.findings)]

    def report(self) -> str:
        """Write the report; returns the address of its page."""
        store = open_store(self.store)
        return written(store, self.id, spec_of(store, self.id)).place

    def __str__(self) -> str:
        return f"{self.id}\n{self.decision}"

    def _repr_markdown_(self) -> str:
        return markdown.cell(self.findings)


def run(
    task: str | None = None,
    *,
    sparsity: float | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    until_fail: bool = False,
    fields: Mapping[str, Any] | None = None,
    config: str | None = None,
    store: str = "runs",
    data_root: str = "data",
    workers: int | None = None,
) -> Run:
    """Find a ticket of `task`, a file, a module or an installed one; a run that is there goes on, or is finished.

    `fields` are those of the spec by path, as `--set` has them: `{"gate.margin": 0.05}`. Progress goes to standard
    error. Raises UsageError for what is wrong with task or spec, another TicketSmithError where the runner ended so.
    """
    given = [f"{path}={json.dumps(value)}" for path, value in (fields or {}).items()]
    count = None if replicates is None else str(replicates)
    asked = Asked(
        task=task, sparsity=sparsity, replicates=count, seed=seed, set=given, config=config, store=store,
        data_root=data_root,
    )  # fmt: skip
    opened, spec = open_store(store), asked.spec(until_fail=until_fail or None)
    ledger = Ledger(opened, spec.run_id())
    spec = held(ledger, spec)
    note(opened, ledger.run_id, None, [], data_root)
    if not complete(ledger, spec, None):
        place = {"store": opened.url, "data_root": data_root}
        _ended(watched(spec, ["all"], until=None, workers=workers or cores(), quiet=False, **place))
    return read(spec.run_id(), store)


def read(run: str, store: str = "runs") -> Run:
    """A run of a store by its id, the beginning of it, or its name. Raises UsageError if there is none, or several."""
    opened = open_store(store)
    name = find(opened, run)
    ledger = Ledger(opened, name)
    return Run(id=name, store=store, findings=collect(ledger, spec_of(opened, name), cards.read(ledger)))


def _ended(code: int) -> None:
    """Raises KeyboardInterrupt after Ctrl-C, and the error of an exit code; a training that diverged is a result."""
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code in (0, Diverged.code):
        return
    kinds = {kind.code: kind for kind in TicketSmithError.__subclasses__()}
    raise kinds.get(code, TicketSmithError)(
        f"the run ended with exit code {code}: the lines above say why", "what they say; finished steps are kept"
    )
