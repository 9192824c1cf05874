"""Put a report into the store, under its own digest; and the newest one where it always is.

A report is no record: a version that says more writes another one beside it.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from ..documents import canonical
from ..errors import UsageError
from ..ledger import Ledger
from ..lottery.card import Card
from ..lottery.price import Rates
from ..lottery.spec import Experiment
from ..stores import Store
from . import html, json, markdown, png
from .advice import Advice, advised
from .collect import collect
from .findings import Findings

PAGE = "report.html"


class Written(NamedTuple):
    """A report in the store. Keys and documents go by suffix."""

    place: str
    """Address of the page: `<run>/report.html`, unless the store never replaces anything."""
    keys: dict[str, str]
    documents: dict[str, bytes]
    findings: Findings


def write(ledger: Ledger, spec: Experiment, card: Card, rates: Rates | None = None) -> Written:
    """Write `report.html`, `report.json` and `report.md`, and `report.png` where arms drew pictures.

    With a section on cost where there are prices.
    """
    findings = collect(ledger, spec, card, rates)
    page = html.render(findings, _onward(findings, card))
    documents = {"html": page, "json": json.render(findings), "md": markdown.render(findings)}
    if pictures := png.render(findings):
        documents["png"] = pictures
    folder = f"{findings.run_id}/report/{_digest(documents)}"
    keys = {suffix: f"{folder}/report.{suffix}" for suffix in documents}
    for suffix, document in documents.items():
        ledger.store.put_once(keys[suffix], document)
    newest = f"{findings.run_id}/{PAGE}"
    place = newest if ledger.store.replace(newest, documents["html"]) else keys["html"]
    return Written(f"{ledger.store.url}/{place}", keys, documents, findings)


def _onward(findings: Findings, card: Card) -> list[Advice]:
    """The next steps; none for a run whose card another version wrote: it is shown, and not gone on with."""
    try:
        return advised(findings, card, f"{findings.run_id}.ticket")
    except UsageError:
        return []


def newest(store: Store, run: str) -> str | None:
    """Address of the newest report of a run; None where it has none."""
    if store.exists(page := f"{run}/{PAGE}"):
        return f"{store.url}/{page}"
    pages = [key for key in store.list(f"{run}/report/") if key.endswith(f"/{PAGE}")]
    return f"{store.url}/{max(pages, key=lambda key: store.written(key) or 0)}" if pages else None


def _digest(documents: Mapping[str, bytes]) -> str:
    return sha256(canonical({suffix: sha256(data).hexdigest() for suffix, data in documents.items()})).hexdigest()[:16]
