"""`ticketsmith task check`: what the runner finds, and the files that would leave this machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.status import Status

from .. import cards
from ..allowance import cores
from ..datafiles import LARGEST, manifest
from ..errors import UsageError
from ..lottery.examination import Examination, Finding
from ..references import find
from ..sources import archive, libraries, listing
from ..specs import assign, overrides
from ..transport import secret_name, size
from .consoles import console as console_of
from .consoles import redraws
from .findings import Luggage, show
from .image import beyond
from .options import Output
from .told import tell

SHOWN = 5  # largest files


def print_check(task: str, data_root: str, given: list[str], workers: int | None, output: Output) -> int:
    """Check a task and print what was found. Exit code: 2 if there is any problem."""
    asked = overrides(assign(given))
    examination, travels, missing = _examined(task, data_root, asked, workers or cores())
    if output is Output.json:
        more = {"travels": [asdict(part) for part in travels], "libraries": missing}
        tell("check", examination.model_dump(mode="json") | more)
    else:
        show(console_of(), examination, travels)
    return UsageError.code if examination.problems else 0


def _examined(
    task: str, data_root: str, asked: dict[str, Any], workers: int
) -> tuple[Examination, list[Luggage], list[str]]:
    """The runner's findings, and the SDK's own. A task that cannot be packed is a problem too."""
    try:
        reference = find(task)
        code = archive(reference)
    except UsageError as error:
        return _unfit(Finding(check="file", kind="problem", text=error.args[0], fix=error.args[1])), [], []
    with _told() as listen:
        document = cards.examine(reference, code, data_root, asked, workers, listen)
    examination = Examination.model_validate(document)
    travels, problems = _luggage(code, examination, Path(data_root))
    missing = beyond(libraries(reference))
    problems += [
        Finding(check="submission", kind="note", text=f"the runner's image has no {name}", fix="an image `FROM` ours")
        for name in missing
    ]
    return examination.model_copy(update={"findings": [*examination.findings, *problems]}), travels, missing


def _unfit(finding: Finding) -> Examination:
    return Examination(
        card=None, run=None, splits=None, batch=[], findings=[finding], passed=[], weights=[], buffers=0, trainers=[],
        backends=[], estimate=None, files=[],
    )  # fmt: skip


def _luggage(code: bytes, examination: Examination, root: Path) -> tuple[list[Luggage], list[Finding]]:
    """Code and data files, and those that may not travel."""
    parts = [_part("code", [(name, count) for name, count, _ in listing(code)])]
    entries = manifest(root, [Path(file) for file in examination.files]).travelling
    if not entries:
        return parts, []
    parts.append(_part("data", [(entry.path, entry.size) for entry in entries]))
    reasons = {entry.path: "may be a secret, by its name" for entry in entries if secret_name(entry.path)}
    reasons |= {entry.path: f"is {size(entry.size)}" for entry in entries if entry.size > LARGEST}
    fix = "leave it out of `files`, or mount the data read-only (docs/cluster.md)"
    return parts, [
        Finding(check="submission", kind="note", text=f"{path} {reason}: it cannot be submitted", fix=fix)
        for path, reason in sorted(reasons.items())[:SHOWN]
    ]


def _part(kind: str, files: list[tuple[str, int]]) -> Luggage:
    largest = sorted(files, key=lambda file: (-file[1], file[0]))[:SHOWN]
    return Luggage(kind, len(files), sum(count for _, count in files), largest)


@contextmanager
def _told() -> Iterator[Callable[[dict[str, Any]], None]]:
    """The check that is being made, on a terminal."""
    console = console_of(stderr=True)
    with Status("importing", console=console) if redraws(console) else _quiet() as status:

        def listen(event: dict[str, Any]) -> None:
            if isinstance(status, Status):
                done = f" {event['done']:,} of {event['of']:,} examples" if "done" in event else ""
                status.update(f"checking: {event.get('check', 'splits')}{done}")

        yield listen


@contextmanager
def _quiet() -> Iterator[None]:
    yield None
