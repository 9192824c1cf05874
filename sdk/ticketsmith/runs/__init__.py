"""The runs of a store: found by id, name or beginning; how far each has come; names, deletion, and who is at work."""

from .course import complete, diverged, done, last_level, missing, recorded, spec_of, steps, verdict, verdict_of
from .deletion import delete
from .listed import Entry, entries, entry
from .notes import data_folder, note
from .search import chosen, find, run_ids
from .work import at_work, working

__all__ = [
    "Entry",
    "at_work",
    "chosen",
    "complete",
    "data_folder",
    "delete",
    "diverged",
    "done",
    "entries",
    "entry",
    "find",
    "last_level",
    "missing",
    "note",
    "recorded",
    "run_ids",
    "spec_of",
    "steps",
    "verdict",
    "verdict_of",
    "working",
]
