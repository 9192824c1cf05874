"""Tries of one question: runs that ask the same with other seeds. Each may pass wrongly, so a report counts them.

questions/<digest of the question>/<run-id>.json       one for each run that began, also for those that are deleted
"""

import json

from .documents import canonical
from .ledger import TRIES, Ledger
from .lottery.spec import Experiment


def enter(ledger: Ledger, spec: Experiment) -> None:
    """Note a run that begins, and in it the earlier runs of its question that this store has seen."""
    folder = f"questions/{spec.question()}"
    ledger.settle(TRIES, lambda: canonical([name for name in _runs(ledger, folder) if name != ledger.run_id]))
    ledger.store.put_once(f"{folder}/{ledger.run_id}.json", canonical({"run": ledger.run_id, "seed": spec.seed}))


def earlier(ledger: Ledger) -> list[str]:
    """The runs of the same question that had begun before this one."""
    runs: list[str] = json.loads(ledger.settled(TRIES) or b"[]")
    return runs


def _runs(ledger: Ledger, folder: str) -> list[str]:
    return [key.removeprefix(f"{folder}/").removesuffix(".json") for key in ledger.store.list(f"{folder}/")]
