"""Commands that are printed: whoever copies one into a shell gets what was meant."""

import os
import shlex

DEFAULT = "runs"


def command(*words: object, store: str | None = None) -> str:
    """A command of ours, quoted; with its store, unless that is what it asks without being told.

    >>> command("gate", "digits-mlp", store="my runs")
    "ticketsmith gate digits-mlp --store 'my runs'"
    """
    usual = None if os.environ.get("ARGO_SERVER") else os.environ.get("TICKETSMITH_STORE") or DEFAULT
    place = [] if store in (None, usual) else ["--store", store]
    return shlex.join(["ticketsmith", *map(str, words), *place])
