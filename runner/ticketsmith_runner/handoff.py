"""A pod's words to the workflow engine, one file each: progress while it runs, what follows when it is done."""

import os
from collections.abc import Sequence
from pathlib import Path

from ticketsmith.ledger import Ledger
from ticketsmith.lottery.chains import follows
from ticketsmith.lottery.metric import Metric
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.steps import Gate, Step

from .news import news, verdict

PROGRESS = "ARGO_PROGRESS_FILE"  # set by Argo in every pod


def progress(steps: Sequence[Step], step: Step, done: int, of: int) -> None:
    """Replicates done and in all, over the whole chain, as `N/M`. Does nothing outside Argo."""
    if path := os.environ.get(PROGRESS):
        Path(path).write_text(f"{steps.index(step) * of + done}/{len(steps) * of}\n")


def write(folder: Path, spec: Experiment, ledger: Ledger, metric: Metric, steps: Sequence[Step]) -> None:
    """Write a chain's result, and what follows it: a file for each word of `news` and of `chains.follows`."""
    told = {name: value for step in steps for name, value in news(step, ledger, metric).items()}
    last = steps[-1]
    judgement = verdict(last, ledger) if isinstance(last, Gate) else None
    after = follows(spec, last, judgement.status, judgement.broken) if judgement else follows(spec, last, None)
    for name, value in {**told, **after}.items():
        put(folder, name, str(value).encode())


def put(folder: Path, name: str, data: bytes) -> None:
    """Write one file; the folder is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
