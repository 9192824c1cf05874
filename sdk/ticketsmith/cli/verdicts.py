"""A verdict on standard output: for people, for programs, for a CI."""

import json
from xml.sax.saxutils import escape, quoteattr

from ..lottery.results import Verdict
from ..report import newest
from ..stores import Store
from .options import Conclusion

MARKS = {"FAIL": "failure", "INVALID": "error", "UNDECIDED": "skipped"}
"""Elements of JUnit; a PASS has none."""
LEVELS = {"PASS": "notice", "FAIL": "error", "INVALID": "error", "UNDECIDED": "warning"}
"""Commands of GitHub Actions."""


def told(store: Store, run: str, verdict: Verdict, output: Conclusion) -> str:
    """A verdict in one of these forms."""
    if output is Conclusion.junit:
        return junit(run, verdict)
    if output is Conclusion.github:
        return annotation(run, verdict)
    document = verdict.model_dump(mode="json") | {"report": newest(store, run)}
    return json.dumps({"schema": "ticketsmith.gate/1", "run": run, **document}, indent=2)


def sentence(verdict: Verdict) -> str:
    """The verdict with its reason."""
    return f"{verdict.status} at {verdict.sparsity:.1%} sparsity: {verdict.reason}"


def junit(run: str, verdict: Verdict) -> str:
    """A test suite of one case, as most CIs read it; what is UNDECIDED is skipped, and ends in 7 too."""
    counts = {mark: int(MARKS.get(verdict.status) == mark) for mark in MARKS.values()}
    totals = f'tests="1" failures="{counts["failure"]}" errors="{counts["error"]}" skipped="{counts["skipped"]}"'
    case = f'<testcase classname={quoteattr(run)} name="{verdict.arm} at {verdict.sparsity:.1%}">'
    inside = f"<system-out>{escape(sentence(verdict))}</system-out>"
    if mark := MARKS.get(verdict.status):
        inside = f"<{mark} message={quoteattr(sentence(verdict))}/>"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{head}\n<testsuite name="ticketsmith gate" {totals}>\n  {case}{inside}</testcase>\n</testsuite>'


def annotation(run: str, verdict: Verdict) -> str:
    """A workflow command: GitHub shows it beside the job. Its own signs are escaped.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    title = _escaped(f"{verdict.status}: {run}").replace(":", "%3A").replace(",", "%2C")
    return f"::{LEVELS[verdict.status]} title={title}::{_escaped(sentence(verdict))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
