"""A run as a command that can be copied: with its store, and quoted."""

from typing import Any

from ..lottery.card import Card
from ..lottery.spec import Experiment
from ..report import again as words
from ..runs import data_folder
from ..stores import Store
from .commands import command


def again(spec: Experiment, card: Card, store: Store, data_root: str = "data", **changes: Any) -> str:
    """`ticketsmith run imp` of a spec, with `changes` by field."""
    root = data_folder(store, spec.run_id(), data_root)
    return command(*words.again(spec, card, root, **changes), store=store.url)
