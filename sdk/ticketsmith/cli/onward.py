"""A run of a store, taken up again with the spec that it was begun with."""

from dataclasses import replace

from .. import cards, engine
from ..errors import Conflict
from ..ledger import Ledger
from ..runs import data_folder, find, spec_of
from ..stores import open_store
from .again import again
from .asked import Asked
from .run import start


def go_on_here(asked: Asked, name: str, workers: int | None, other_versions: bool) -> int:
    """Do what is missing; returns the verdict's exit code. Raises Conflict for a run of another engine."""
    store = open_store(asked.store)
    spec = spec_of(store, run := find(store, name))
    if (ours := engine.digest()) != spec.sources.engine:
        anew = again(spec, cards.read(Ledger(store, run)), store)
        raise Conflict(
            f"{run} was begun by another version of TicketSmith (engine {spec.sources.engine[:12]}…, this is "
            f"{ours[:12]}…), whose numbers may differ; it can be read, and not gone on with",
            f"finish it with that version, or begin it anew with this one: `{anew}`",
        )
    asked = replace(asked, data_root=data_folder(store, run, asked.data_root))
    return start(asked, spec, workers, other_versions, dry_run=False, until=None)
