"""`ticketsmith report` without a run: the report of each, and one page over all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import typer

from .. import report
from ..errors import Denied, IntegrityError
from ..lottery.price import Rates
from ..report import overview, terminal
from ..report.outline import outline
from ..runs import entry, spec_of
from ..stores import Store
from ..stores.local import LocalStore
from .commands import command
from .consoles import console
from .options import Output
from .show import summarize, written
from .told import tell
from .voice import hint


def print_overview(store: Store, runs: Sequence[str], rates: Rates | None, output: Output) -> str:
    """Write and print; returns the address of the page. Raises, at the end, what keeps a run from being read."""
    shown, broken = _reports(store, runs, rates)
    if not shown:
        raise next(iter(broken.values()))
    unread = {run: str(why.args[0]) for run, why in broken.items()}
    place = _put(store, shown, unread)
    if output is Output.json:
        tell("runs", {"report": place, "runs": [_told(store, row) for row in shown], "unread": unread})
    else:
        console().print(terminal.drawn(overview.decisions(shown, whole=False)))
        typer.echo(f"\nreport: {place}")
        hint(command("show", shown[0].findings.run_id, store=store.url))
    for why in broken.values():
        raise why
    return place


def _reports(
    store: Store, runs: Sequence[str], rates: Rates | None
) -> tuple[list[overview.Shown], dict[str, IntegrityError | Denied]]:
    """The reports of runs, newest first, and those that cannot be made, with the reason."""
    shown, broken = [], dict[str, IntegrityError | Denied]()
    for row in sorted((entry(store, run) for run in runs), key=lambda row: -(row.began or 0)):
        try:
            made = written(store, row.run, spec_of(store, row.run), rates)
        except (IntegrityError, Denied) as error:
            broken[row.run] = error
            continue
        summarize(made.findings)
        page = made.place.removeprefix(f"{store.url}/")
        shown.append(overview.Shown(findings=made.findings, name=row.note.name, began=row.date, page=page))
    return shown, broken


def _told(store: Store, shown: overview.Shown) -> dict[str, Any]:
    summary = outline(shown.findings).model_dump(mode="json")
    return {**summary, "name": shown.name or None, "report": f"{store.url}/{shown.page}"}


def _put(store: Store, shown: Sequence[overview.Shown], unread: Mapping[str, str]) -> str:
    """Write the page where it always is; in a bucket, where nothing is replaced, two folders down under its digest."""
    if isinstance(store, LocalStore):
        store.replace(report.PAGE, overview.render(shown, store.url, unread))
        return f"{store.url}/{report.PAGE}"
    page = overview.render([replace(row, page=f"../../{row.page}") for row in shown], store.url, unread)
    key = f"reports/{sha256(page).hexdigest()[:16]}/{report.PAGE}"
    store.put_once(key, page)
    return f"{store.url}/{key}"
