"""Reports where they always are: of a run, and one page over all runs."""

import json
import sys
from hashlib import sha256
from pathlib import Path

from ticketsmith.runs import note
from ticketsmith.stores.local import LocalStore

from .conftest import Verdicts, cli, data, narrow


def test_a_report_of_an_older_version_is_not_in_the_way_of_a_newer_one(copied: Path, verdicts: Verdicts) -> None:
    page = copied / "runs" / verdicts.passed / "report.html"
    page.chmod(0o644)
    page.write_text("as an older version left it")
    for older in page.parent.glob("report/*/report.html"):
        older.chmod(0o644)
        older.write_text("as an older version left it")
    (older,) = page.parent.glob("report/*")
    older.rename(older.with_name("0123456789abcdef"))  # it was under the digest of its inputs
    done = cli("report", verdicts.passed, cwd=copied)
    assert done.returncode == 0 and f"report: runs/{verdicts.passed}/report.html" in done.stdout
    assert page.read_bytes().startswith(b"<!doctype html>") and len(list(page.parent.glob("report/*"))) == 2


def test_one_page_over_all_runs_leads_to_each(copied: Path, verdicts: Verdicts) -> None:
    done = cli("--runs-prefix", "runs", "--price", "0.36", cwd=copied, module="ticketsmith.report")
    assert done.returncode == 0 and "report: runs/report.html" in done.stdout, done.stderr
    page = (copied / "runs" / "report.html").read_text()
    for run in (verdicts.passed, verdicts.failed, verdicts.undecided):
        assert f'<a href="{run}/report.html">{run}</a>' in page and (copied / "runs" / run / "report.html").is_file()
    assert "<script" not in page and page.count('class="frontier"') == 3 and "pruning.sparsity" in page
    assert "<h1>3 runs in runs</h1>" in page and page.count("DO NOT ADOPT") >= 2
    found = data("report", cwd=copied)
    assert (found["schema"], found["report"]) == ("ticketsmith.runs/1", "runs/report.html")
    assert {each["run"]: each["decision"] for each in found["runs"]}[verdicts.passed] == "ADOPT"


def test_a_damaged_run_is_named_and_the_page_is_written_without_it(copied: Path, verdicts: Verdicts) -> None:
    verdict = next(copied.glob(f"runs/{verdicts.failed}/cohort-00/level-01/ticket/gate/verdict.json"))
    verdict.chmod(0o644)
    verdict.write_bytes(verdict.read_bytes().replace(b"FAIL", b"PASS"))
    done = cli("report", cwd=copied)
    assert done.returncode == 5 and "verdict.json is corrupted" in done.stderr and "\n  fix: move " in done.stderr
    page = (copied / "runs" / "report.html").read_text()
    assert "Not readable here" in page and f"{verdicts.failed}: " in page and f">{verdicts.passed}</a>" in page


def test_a_verdict_of_another_version_is_named_and_the_others_are_shown(copied: Path, verdicts: Verdicts) -> None:
    gate = next(copied.glob(f"runs/{verdicts.failed}/cohort-00/level-01/ticket/gate"))
    verdict, manifest = gate / "verdict.json", gate / "manifest.json"
    document, record = json.loads(verdict.read_bytes()), json.loads(manifest.read_bytes())
    other = json.dumps({**document, "status": "MAYBE"}).encode()
    record["files"]["verdict.json"] = {"sha256": sha256(other).hexdigest(), "size": len(other)}
    for path, content in ((verdict, other), (manifest, json.dumps(record).encode())):
        path.chmod(0o644)
        path.write_bytes(content)
    done = cli("list", cwd=copied)
    assert done.returncode == 0 and "verdict.json is whole and none of this version: status: " in done.stderr
    assert cli("report", cwd=copied).returncode == 5
    page = (copied / "runs" / "report.html").read_text()
    assert f"{verdicts.failed}: " in page and f">{verdicts.passed}</a>" in page


def test_a_name_is_no_verdict_and_a_store_is_quoted(copied: Path, verdicts: Verdicts) -> None:
    store = (copied / "runs").rename(copied / "my runs")
    note(LocalStore(store), verdicts.failed, "PASS", [])
    assert cli("report", "--store", "my runs", cwd=copied).returncode == 0
    page = (store / "report.html").read_text()
    assert '<td class="name">PASS</td>' in page and '<span class="badge pass">PASS</span>' not in page
    assert "--runs-prefix &#39;my runs&#39;" in page


def test_a_report_is_opened_where_it_always_is(copied: Path, verdicts: Verdicts) -> None:
    def opened(*arguments: str) -> str:
        browser = f'{sys.executable} -c \'import sys; open("seen", "w").write(sys.argv[1])\' %s'
        narrow(80, "report", *arguments, "--open", cwd=copied, BROWSER=browser)
        return (copied / "seen").read_text()

    assert opened(verdicts.passed) == (copied / "runs" / verdicts.passed / "report.html").as_uri()
    assert opened() == (copied / "runs" / "report.html").as_uri()
