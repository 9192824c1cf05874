"""Put a report into the store, under the digest of what it was made from: equal inputs, equal keys, equal bytes."""

from ..ledger import Ledger
from ..lottery.spec import Experiment
from ..lottery.task import Task
from . import html, json, markdown
from .collect import collect

RENDERERS = {"html": html.render, "json": json.render, "md": markdown.render}


def write(ledger: Ledger, spec: Experiment, task: Task) -> dict[str, str]:
    """Write `report.html`, `report.json` and `report.md`; returns their keys by suffix."""
    findings = collect(ledger, spec, task)
    folder = f"{findings.run_id}/report/{findings.digest[:16]}"
    keys = {suffix: f"{folder}/report.{suffix}" for suffix in RENDERERS}
    for suffix, render in RENDERERS.items():
        ledger.store.put_once(keys[suffix], render(findings))
    return keys
