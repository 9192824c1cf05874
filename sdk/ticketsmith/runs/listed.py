"""The entries of a store: what a line on each run says, without reading what was trained."""

from dataclasses import dataclass, replace
from datetime import datetime

from ..errors import Denied, IntegrityError
from ..ledger import Ledger
from ..lottery.results import Verdict
from ..lottery.spec import Experiment
from ..stores import Store
from .course import spec_of, tally, verdict_of
from .notes import Note, noted
from .work import at_work


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A run in a store. Where its record cannot be read, `problem` says why, and the rest is empty."""

    run: str
    note: Note
    began: float | None
    """Time at which it came into this store, in seconds since 1970."""
    working: bool
    """True while a command on this machine is at work on it."""
    spec: Experiment | None = None
    verdict: Verdict | None = None
    done: int = 0
    steps: int = 0
    problem: str = ""

    @property
    def status(self) -> str:
        """The verdict in a word; nothing before there is one."""
        return self.verdict.status if self.verdict else ""

    @property
    def date(self) -> str:
        """Day and minute at which it began, here; nothing where that is not known."""
        return f"{datetime.fromtimestamp(self.began):%Y-%m-%d %H:%M}" if self.began else ""

    @property
    def sparsity(self) -> float | None:
        """The share of weights that the run is to remove."""
        return self.spec.pruning.sparsity if self.spec else None

    @property
    def task(self) -> str:
        """The task's name."""
        return self.spec.sources.name if self.spec else self.run.rpartition("-")[0]


def entry(store: Store, run: str) -> Entry:
    """The entry of one run."""
    begun = Entry(run=run, note=Note(), began=_began(store, run), working=at_work(store, run))
    try:
        spec, ledger = spec_of(store, run), Ledger(store, run)
        done, steps = tally(ledger, spec)
        judged = verdict_of(ledger, spec)
        return replace(begun, note=noted(store, run), spec=spec, verdict=judged, done=done, steps=steps)
    except (IntegrityError, Denied) as error:
        return replace(begun, problem=str(error.args[0]))


def entries(store: Store, runs: list[str]) -> list[Entry]:
    """The entries of runs, newest first."""
    return sorted((entry(store, run) for run in runs), key=lambda line: (-(line.began or 0), line.run))


def _began(store: Store, run: str) -> float | None:
    times = [time for key in store.list(f"{run}/spec/") if (time := store.written(key)) is not None]
    return min(times, default=None)
