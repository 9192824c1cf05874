"""Name and tags of a run, and where its data lies: beside its record, and out of its id.

<run-id>/notes/0001.json       one for each change; the last one holds
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..documents import canonical
from ..errors import Conflict, IntegrityError, Retryable, UsageError
from ..stores import Store

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,59}")
NUMBERED = re.compile(r".*/(\d{4,})\.json")
TRIES = 5
USUAL = "data"
"""Folder of the data sets if nobody names one."""


@dataclass(frozen=True)
class Note:
    """The words that a user has for a run."""

    name: str = ""
    tags: tuple[str, ...] = ()
    data_root: str = ""
    """Path of the folder that its data came from, on the machine that began it; empty: the usual one."""


def checked(name: str | None, tags: Sequence[str]) -> None:
    """Raises UsageError for a name or a tag that no command line could hold unquoted."""
    for option, word in [("--name", name), *(("--tag", tag) for tag in tags)]:
        if word is not None and not WORD.fullmatch(word):
            raise UsageError(
                f"{option}: expected at most 60 letters, digits, dots, hyphens, underscores or =, got {word!r}",
                f"for example {option} first-try",
            )


def note(store: Store, run: str, name: str | None, tags: Sequence[str], data_root: str = USUAL) -> None:
    """Give a run a name, in place of the one that it has, further tags, and the folder of its data.

    Raises UsageError, and Retryable.
    """
    checked(name, tags)
    for _ in range(TRIES):
        there = noted(store, run)
        more = (tag for tag in dict.fromkeys(tags) if tag not in there.tags)
        wanted = replace(there, name=name or there.name, tags=(*there.tags, *more))
        if data_root != USUAL:
            wanted = replace(wanted, data_root=str(Path(data_root).absolute()))
        if wanted == there:
            return
        with suppress(Conflict):  # another command was quicker: its words are kept, and ours come on top
            key = _key(run, _last(store, run) + 1)
            store.put_once(key, canonical(asdict(wanted)))
            return
    raise Retryable(f"{run}: other commands give it names at the same time", "run the same command again")


def noted(store: Store, run: str) -> Note:
    """The name and the tags of a run. Raises IntegrityError for a note that is none."""
    if not (last := _last(store, run)):
        return Note()
    try:
        document = json.loads(store.get(key := _key(run, last)))
        return Note(str(document["name"]), tuple(map(str, document["tags"])), str(document.get("data_root", "")))
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{store.url}/{key} is no note ({error})", "remove that file") from error


def data_folder(store: Store, run: str, given: str = USUAL) -> str:
    """The given folder or, where nobody gave one, that of the run's beginning, as long as it is there."""
    with suppress(IntegrityError):  # a damaged note stands in the way of no advice
        begun = noted(store, run).data_root
        if given == USUAL and begun and Path(begun).is_dir():
            return begun
    return given


def _last(store: Store, run: str) -> int:
    """The number of the last note; 0 where there is none."""
    matches = (NUMBERED.fullmatch(key) for key in store.list(f"{run}/notes/"))
    return max((int(match[1]) for match in matches if match), default=0)


def _key(run: str, number: int) -> str:
    return f"{run}/notes/{number:04}.json"
