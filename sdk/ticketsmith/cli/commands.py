"""Commands that are printed: whoever copies one into a shell gets what was meant."""

import shlex

DEFAULT = "runs"


def command(*words: object, store: str = DEFAULT) -> str:
    """A command of ours, quoted; with its store where that is not the default.

    >>> command("gate", "digits-mlp", store="my runs")
    "ticketsmith gate digits-mlp --store 'my runs'"
    """
    place = [] if store == DEFAULT else ["--store", store]
    return shlex.join(["ticketsmith", *map(str, words), *place])
