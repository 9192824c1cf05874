"""Tries of one question: runs that ask the same with other seeds. Each may pass wrongly, so a report counts them.

questions/<digest of the question>/<run-id>.json       one for each run that began, also for those that are deleted
"""

import json

from .documents import canonical
from .ledger import TRIES, Ledger
from .lottery.spec import Experiment


def enter(ledger: Ledger, spec: Experiment) -> None:
    """Note a run that begins and, in it, the earlier runs of its question with other seeds that this store has seen."""
    folder = f"questions/{spec.question()}"
    # Its own note first: of two runs that begin at once, at least one sees the other.
    ledger.store.put_once(f"{folder}/{ledger.run_id}.json", canonical({"run": ledger.run_id, "seed": spec.seed}))
    ledger.settle(TRIES, lambda: canonical(_others(ledger, folder, spec.seed)))


def earlier(ledger: Ledger) -> list[str]:
    """The runs of the same question that had begun before this one."""
    runs: list[str] = ledger.agreed(TRIES) or []
    return runs


def _others(ledger: Ledger, folder: str, seed: int) -> list[str]:
    notes = (json.loads(ledger.store.get(key)) for key in ledger.store.list(f"{folder}/"))
    return [note["run"] for note in notes if note["seed"] != seed]
