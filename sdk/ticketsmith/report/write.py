"""Put a report into the store, under the digest of what it was made from: equal inputs, equal keys, equal bytes."""

from typing import NamedTuple

from ..ledger import Ledger
from ..lottery.card import Card
from ..lottery.price import Rates
from ..lottery.spec import Experiment
from . import html, json, markdown, png
from .collect import collect
from .findings import Findings

RENDERERS = {"html": html.render, "json": json.render, "md": markdown.render}


class Written(NamedTuple):
    """A report in the store. Keys and documents go by suffix."""

    keys: dict[str, str]
    documents: dict[str, bytes]
    findings: Findings


def write(ledger: Ledger, spec: Experiment, card: Card, rates: Rates | None = None) -> Written:
    """Write `report.html`, `report.json` and `report.md`, and `report.png` where arms drew pictures.

    With a section on cost where there are prices.
    """
    findings = collect(ledger, spec, card, rates)
    folder = f"{findings.run_id}/report/{findings.digest[:16]}"
    documents = {suffix: render(findings) for suffix, render in RENDERERS.items()}
    if pictures := png.render(findings):
        documents["png"] = pictures
    keys = {suffix: f"{folder}/report.{suffix}" for suffix in documents}
    for suffix, document in documents.items():
        ledger.store.put_once(keys[suffix], document)
    return Written(keys, documents, findings)
