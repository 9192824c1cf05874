"""The commands to make next, each as it can be copied: with its store, and for files that are not there yet."""

from itertools import count
from pathlib import Path

from ..lottery.card import Card
from ..report import Findings
from ..report.advice import advised
from ..runs import data_folder
from ..stores import Store
from .commands import command


def advice(findings: Findings, card: Card, store: Store, data_root: str = "data") -> list[str]:
    """The commands that a run leads to."""
    package, root = _free(findings.run_id), data_folder(store, findings.run_id, data_root)
    return [command(*suggestion.words, store=store.url) for suggestion in advised(findings, card, package, root)]


def _free(run: str) -> str:
    """A name of a package that is not there yet: nothing is overwritten."""
    names = (f"{run}{f'-{n}' if n else ''}.ticket" for n in count())
    return next(name for name in names if not Path(name).exists())
