"""Every command for a run on a cluster: what it prints, for people and for programs, and its exit code."""

import json
import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from ticketsmith.argo import connect
from ticketsmith.errors import UsageError
from ticketsmith.executors.argo import workflows
from ticketsmith.lottery.gate import EXIT_CODES
from ticketsmith.lottery.spec import Experiment
from ticketsmith.renderer import templates
from ticketsmith.stores.local import LocalStore

from ..fake_gcs import FakeGcs
from .conftest import STORE, Command, of
from .fake import Document, FakeArgo
from .test_submit import refused
from .test_surroundings import cluster
from .workflows import PREEMPTED, RUNNING, SUCCEEDED, pod, workflow

COMMANDS = ["status", "watch", "logs", "stop", "terminate", "resume", "open"]


@pytest.fixture
def at_work(fake: FakeArgo, spec: Experiment) -> str:
    """The id of a run in its first round, preempted once."""
    run = spec.run_id()
    dense = pod("chain", 0, "dense", SUCCEEDED, score="97.12 %")
    fake.workflows[run] = workflow(run, dense, pod("chain", 1, "ticket", PREEMPTED, RUNNING), **of(spec))
    return run


@pytest.fixture
def ended(fake: FakeArgo, spec: Experiment) -> str:
    """The id of a run that failed in its first round."""
    run = spec.run_id()
    failed = pod("chain", 1, "ticket", {"phase": "Failed", "exit": "5", "message": "main: Error (exit code 5)"})
    fake.workflows[run] = workflow(run, failed, phase="Failed", **of(spec))
    return run


@pytest.mark.parametrize("run", ["", " "])
@pytest.mark.parametrize("words", [*([each] for each in COMMANDS), ["delete", "--yes"], ["report"], ["compare", "x"]])
def test_a_run_without_a_name_is_none_and_not_every_run(
    command: Command, fake: FakeArgo, at_work: str, words: list[str], run: str
) -> None:
    """`ticketsmith stop "$RUN"`, where that is not set: one run alone is at work."""
    refused(command(*words, run), 2, "a run has a name: this one is empty")
    assert fake.sent == [] and not fake.calls


@pytest.mark.parametrize("run", ["", "x,ticketsmith.dev/kind", "-", "x" * 64])
def test_argo_is_not_asked_for_a_label_that_can_be_none(fake: FakeArgo, at_work: str, run: str) -> None:
    with pytest.raises(UsageError, match="matches 0 runs"):
        workflows(connect(), run)
    assert fake.calls["list"] == 1, "all of them, to name those that there are"


def test_list_shows_each_workflow(command: Command, fake: FakeArgo, at_work: str) -> None:
    fake.workflows["other"] = workflow("other", phase="Succeeded")
    lines = command("list").out.splitlines()
    assert lines[0].split() == ["run", "phase", "verdict", "age", "workflow", "reason"] and len(lines) == 3
    assert lines[1].split()[:2] == [at_work, "Running"]
    listed = command("list", "-o", "json").json["workflows"]
    assert [(each["run"], each["phase"]) for each in listed] == [(at_work, "Running"), ("other", "Succeeded")]


def test_what_a_run_waits_for_is_shown_wherever_it_is(
    command: Command, fake: FakeArgo, spec: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argo's own sentence: at a width of 80 columns too, nothing of it is cut."""
    run, reason = spec.run_id(), 'ImagePullBackOff: Back-off pulling image "registry.example/ticketsmith/runner:typo"'
    waits = pod("chain", 0, "dense", {"phase": "Pending", "message": reason})
    fake.workflows[run] = workflow(run, waits, **of(spec))
    monkeypatch.setenv("COLUMNS", "80")
    for words in (["list"], ["status", run]):
        said = " ".join(command(*words).out.split())
        assert f"level 0 dense: {reason}" in said or f"level 0 dense: waiting: {reason}" in said
    assert command("list", "-o", "json").json["workflows"][0]["reason"] == f"level 0 dense: {reason}"
    assert command("status", run, "-o", "json").json["parts"][0]["message"] == reason


@pytest.mark.parametrize("words", [["--no-cluster"], ["--store", "STORE"]])
def test_where_argo_is_known_it_is_asked_unless_the_store_is_meant(
    command: Command, at_work: str, finished: Path, words: list[str]
) -> None:
    there = [word.replace("STORE", str(finished)) for word in words]
    here = there if "--store" in there else [*there, "--store", str(finished)]
    assert command("list").out.startswith("run") and "phase" in command("list").out
    assert command("list", *here, "-o", "json").json["store"] == str(finished)
    assert "phase" not in command("status", at_work, *here).out
    assert "phase" in command("list", "--store", str(finished), "--cluster").out, "said in full, Argo it is"


def test_without_argo_the_store_is_asked(
    command: Command, fake: FakeArgo, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGO_SERVER", "")
    monkeypatch.setenv("TICKETSMITH_STORE", str(finished))
    assert command("list", "-o", "json").json["schema"] == "ticketsmith.list/1"
    monkeypatch.setenv("ARGO_SERVER", fake.address)
    assert command("list").err.startswith("no runs in namespace")


@pytest.mark.usefixtures("filled")
def test_a_run_in_a_bucket_is_listed_and_shown(command: Command, spec: Experiment) -> None:
    (each,) = command("list", "--no-cluster", "-o", "json").json["runs"]
    assert (each["run"], each["done"]) == (spec.run_id(), each["steps"])
    assert each["report"].startswith(STORE) and each["began"]
    assert command("show", spec.run_id()).code == 0
    refused(command("delete", spec.run_id(), "--yes"), 2, "is a bucket", f"gcloud storage rm --recursive {STORE}/")
    refused(command("delete", spec.run_id()), 2, "is a bucket", f"gcloud storage rm --recursive {STORE}/")


def test_the_page_over_a_bucket_leads_to_each_report(command: Command, filled: FakeGcs) -> None:
    page = command("report", "-o", "json").json
    assert page["report"].startswith(f"{STORE}/reports/") and page["report"].endswith("/report.html")
    key = page["report"].removeprefix("gs://bucket/")
    (link,) = re.findall(rb'<a href="([^"]+)">', filled.objects[key])
    (each,) = page["runs"]
    assert each["report"] == urljoin(page["report"].replace("gs:", "https:"), link.decode()).replace("https:", "gs:")
    assert each["report"].removeprefix("gs://bucket/") in filled.objects


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--tag", "x"],
        ["resume", "r", "--workers", "2"],
        ["resume", "r", "--other-versions"],
        ["resume", "r", "--data-root", "data"],
    ],
)
def test_options_that_argo_has_no_use_for_are_refused(command: Command, words: list[str]) -> None:
    option = next(word for word in words if word.startswith("--"))
    done = command(*words, "--cluster")
    assert done.code == 2 and option in done.err and "say --no-cluster" in done.err


def test_a_list_tells_the_verdict(command: Command, fake: FakeArgo) -> None:
    """The last round's; for a run that has ended, without its nodes."""
    rounds = [pod("gate", level, "ticket", SUCCEEDED, status=status) for level, status in ((1, "PASS"), (2, "FAIL"))]
    fake.workflows["q"] = workflow("q", *rounds)
    fake.workflows["r"] = workflow("r", phase="Succeeded")
    fake.workflows["r"]["status"] |= {"outputs": {"parameters": [{"name": "verdict", "value": "FAIL"}]}}
    assert command("list").out.splitlines()[2].split()[:3] == ["r", "Succeeded", "FAIL"]
    assert [each["verdict"] for each in command("list", "-o", "json").json["workflows"]] == ["FAIL", "FAIL"]


def test_an_empty_list_is_empty(command: Command) -> None:
    done = command("list")
    assert (done.code, done.out) == (0, "") and "no runs in namespace 'lab'" in done.err
    assert command("list", "-o", "json").json["workflows"] == []


def test_status_is_a_look_at_the_rounds(command: Command, fake: FakeArgo, at_work: str) -> None:
    done = command("status", at_work)
    assert done.out.splitlines()[0] == f"{at_work}: running, 1 preempted"
    assert "97.12 %" in done.out and "running 2/5 (1x preempted)" in done.out
    assert done.out.splitlines()[-1] == f"http://{fake.address}/workflows/lab/{at_work}"
    ticket = command("status", at_work, "-o", "json").json["parts"][1]
    assert (ticket["arm"], ticket["attempts"], ticket["preemptions"], ticket["failures"]) == ("ticket", 2, 1, 0)


def test_a_run_is_named_by_its_beginning_or_a_workflow(command: Command, fake: FakeArgo, at_work: str) -> None:
    assert command("status", at_work[:-6]).code == 0
    fake.workflows[f"{at_work}-2"] = workflow(f"{at_work}-2", run=at_work)
    fake.workflows[f"{at_work}-2"]["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    assert command("status", at_work, "-o", "json").json["workflow"] == f"{at_work}-2"
    assert command("status", f"{at_work}-2").code == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_run_is_named_with_those_that_are_there(command: Command, at_work: str, name: str) -> None:
    refused(command(name, "no-such-run"), 2, "'no-such-run' matches 0 runs in namespace 'lab'", at_work)


@pytest.mark.parametrize("name", ["list", *COMMANDS])
def test_an_expired_token_is_told_by_every_command(command: Command, fake: FakeArgo, name: str) -> None:
    fake.token = "Bearer of tomorrow"
    refused(command(name, *([] if name == "list" else ["r"])), 4, "401", "kubectl -n lab create token ticketsmith-user")


@pytest.mark.parametrize(("verb", "word"), [("stop", "stopping"), ("terminate", "terminating")])
def test_a_run_is_ended_and_one_that_has_ended_is_not(
    command: Command, fake: FakeArgo, at_work: str, verb: str, word: str
) -> None:
    done = command(verb, at_work)
    assert done.out == f"{at_work}: {word}\n" and fake.sent == [{"name": at_work, "verb": verb}]
    fake.workflows[at_work]["status"]["finishedAt"] = "2026-01-01T00:05:00Z"
    refused(command(verb, at_work), 2, f"{at_work} has ended already", "ticketsmith resume")
    assert len(fake.sent) == 1


def test_resume_of_a_run_that_failed_submits_it_again_as_it_was(
    command: Command, fake: FakeArgo, gcs: FakeGcs, ended: str, finished: Path, spec: Experiment
) -> None:
    store = LocalStore(finished)
    gcs.objects |= {f"runs/{key}": store.get(key) for key in store.list(f"{ended}/spec/")}
    assert command("resume", ended, "-o", "json").json["workflow"] == f"{ended}-2"
    again = fake.workflows[f"{ended}-2"]["spec"]
    assert again["arguments"] == of(spec)["spec"]["arguments"]
    assert again["workflowTemplateRef"] == of(spec)["spec"]["workflowTemplateRef"]


@pytest.mark.usefixtures("filled")
def test_resume_of_a_finished_run_submits_nothing(command: Command, fake: FakeArgo, ended: str) -> None:
    assert command("resume", ended).out == f"{ended}: finished: nothing is left to do\n" and not fake.sent


def test_resume_may_have_more_time_and_only_where_it_begins_anew(
    command: Command, fake: FakeArgo, gcs: FakeGcs, ended: str, finished: Path
) -> None:
    store = LocalStore(finished)
    gcs.objects |= {f"runs/{key}": store.get(key) for key in store.list(f"{ended}/spec/")}
    fake.workflows[ended]["spec"]["activeDeadlineSeconds"] = 43
    assert command("resume", ended, "--max-hours", "2").code == 0
    assert fake.workflows[f"{ended}-2"]["spec"]["activeDeadlineSeconds"] == 7200
    refused(command("resume", ended, "--max-hours", "2"), 2, "its limit is fixed", f"ticketsmith stop {ended}-2")


def test_resume_may_cost_so_much_at_the_price_that_the_run_had(
    command: Command, fake: FakeArgo, gcs: FakeGcs, ended: str, finished: Path
) -> None:
    store = LocalStore(finished)
    gcs.objects |= {f"runs/{key}": store.get(key) for key in store.list(f"{ended}/spec/")}
    refused(command("resume", ended, "--max-cost", "2"), 2, "--max-cost: no price was given", "--price 0.35")
    fake.workflows[ended]["metadata"]["annotations"] = {"ticketsmith.dev/price": "0.5"}
    assert command("resume", ended, "--max-cost", "2").code == 0
    again = fake.workflows[f"{ended}-2"]
    assert again["spec"]["activeDeadlineSeconds"] == 3570 and again["metadata"]["annotations"]
    refused(command("resume", ended, "--max-cost", "2"), 2, "its limit is fixed", f"ticketsmith stop {ended}-2")
    fake.workflows[f"{ended}-2"] |= {"status": {"phase": "Failed", "finishedAt": "2026-01-01T00:05:00Z"}}
    assert command("resume", ended, "--max-cost", "2", "--price", "1").code == 0
    assert fake.workflows[f"{ended}-3"]["spec"]["activeDeadlineSeconds"] == 1770
    for option in ("--max-hours", "--max-cost", "--price"):
        assert "say --cluster" in command("resume", ended, "--no-cluster", option, "1").err


@pytest.fixture
def begun(gcs: FakeGcs, fake: FakeArgo, ended: str, finished: Path) -> Document:
    """The Workflow of a run that has ended, of which the store has the spec."""
    store = LocalStore(finished)
    gcs.objects |= {f"runs/{key}": store.get(key) for key in store.list(f"{ended}/spec/")}
    return fake.workflows[ended]


def test_resume_keeps_the_limit_that_is_not_asked_for_anew(
    command: Command, fake: FakeArgo, ended: str, begun: Document
) -> None:
    begun["spec"]["activeDeadlineSeconds"] = 1800
    assert command("resume", ended, "--max-cost", "2", "--price", "0.5").code == 0
    again = fake.workflows[f"{ended}-2"]
    assert again["spec"]["activeDeadlineSeconds"] == 1800, "$2 alone would allow 3570"
    again |= {"status": {"phase": "Failed", "finishedAt": "2026-01-01T00:05:00Z"}}
    assert command("resume", ended, "--max-hours", "5").code == 0
    last = fake.workflows[f"{ended}-3"]
    assert last["spec"]["activeDeadlineSeconds"] == 3570, "the dollars stay too"
    said = {"price": "0.5", "max-cost": "2", "max-hours": "5"}
    assert last["metadata"]["annotations"] == {f"ticketsmith.dev/{name}": value for name, value in said.items()}


def test_a_price_of_the_environment_is_not_that_of_a_run_that_has_one(
    command: Command, fake: FakeArgo, ended: str, begun: Document, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun["metadata"]["annotations"] = {"ticketsmith.dev/price": "0.5"}
    monkeypatch.setenv("TICKETSMITH_PRICE", "7")
    monkeypatch.setenv("TICKETSMITH_PRICES", str(tmp_path / "none.yaml"))
    assert command("resume", ended).code == 0
    assert fake.workflows[f"{ended}-2"]["metadata"]["annotations"] == {"ticketsmith.dev/price": "0.5"}


def test_a_list_on_the_command_line_of_a_resumption_names_a_price(
    command: Command, fake: FakeArgo, ended: str, begun: Document, tmp_path: Path
) -> None:
    """One that leaves the machine open would drop the price that the run has, without a word."""
    begun["metadata"]["annotations"] = {"ticketsmith.dev/price": "0.5"}
    machines = "date: 2026-11-30\nmachines: {small: {dollars_per_hour: 0.1}, large: {dollars_per_hour: 0.7}}\n"
    (tmp_path / "prices.yaml").write_text(machines)
    listed = ("resume", ended, "--prices", str(tmp_path / "prices.yaml"))
    refused(command(*listed), 2, "--prices: which machine", "--price NAME")
    assert not fake.sent
    assert command(*listed, "--price", "large").code == 0
    assert fake.workflows[f"{ended}-2"]["metadata"]["annotations"] == {"ticketsmith.dev/price": "0.7"}


def test_what_its_dollars_ended_may_have_more_dollars(
    command: Command, fake: FakeArgo, filled: FakeGcs, ended: str
) -> None:
    over = {"phase": "Failed", "message": "Step exceeded its deadline"}
    fake.workflows[ended]["status"]["nodes"] = pod("chain", 0, "dense", over)
    fake.workflows[ended]["spec"]["activeDeadlineSeconds"] = 3570
    noted = {"ticketsmith.dev/price": "0.5", "ticketsmith.dev/max-cost": "2"}
    fake.workflows[ended]["metadata"]["annotations"] = noted
    for key in [key for key in filled.objects if "/ticket/gate/" in key]:
        del filled.objects[key]
    said = command("watch", ended).err
    assert (
        "its limit of $2 (0.99 h) ended it" in said and f"ticketsmith resume {ended} --cluster --max-cost 4\n" in said
    )
    noted["ticketsmith.dev/max-hours"] = "24"
    assert "--max-cost 4\n" in command("watch", ended).err, "it was not the hours"
    noted["ticketsmith.dev/max-hours"] = "0.9916666667"
    assert "--max-hours 1.98\n" in command("watch", ended).err, "it was"


def test_what_its_limit_ended_says_so(command: Command, fake: FakeArgo, ended: str, filled: FakeGcs) -> None:
    nodes = fake.workflows[ended]["status"]["nodes"]
    over = {"phase": "Failed", "message": "Step exceeded its deadline"}
    fake.workflows[ended]["status"]["nodes"] = nodes | pod("chain", 0, "dense", over)
    fake.workflows[ended]["spec"]["activeDeadlineSeconds"] = 3600
    for key in [key for key in filled.objects if "/ticket/gate/" in key]:
        del filled.objects[key]
    said = command("watch", ended).err
    assert "its limit of 1 h ended it" in said and f"ticketsmith resume {ended} --cluster --max-hours 2" in said


def test_a_pass_that_was_not_measured_is_no_success(
    command: Command, fake: FakeArgo, filled: FakeGcs, spec: Experiment
) -> None:
    """The gate passed, then the benchmark failed. Another verdict keeps its code."""
    run, key = spec.run_id(), f"runs/{spec.run_id()}/cohort-00/level-01/ticket/gate"
    failed = pod("benchmark", 1, "ticket", {"phase": "Failed", "exit": "5", "message": "main: Error (exit code 5)"})
    fake.workflows[run] = workflow(run, failed, phase="Failed", **of(spec))
    verdict = json.loads(filled.objects[f"{key}/verdict.json"]) | {"status": "PASS"}
    rewritten(filled, key, verdict)
    assert command("watch", run).code == 5
    rewritten(filled, key, verdict | {"status": "UNDECIDED"})
    assert command("watch", run).code == EXIT_CODES["UNDECIDED"]


def rewritten(gcs: FakeGcs, key: str, verdict: dict[str, Any]) -> None:
    """A gate with another verdict, whole."""
    gcs.objects[f"{key}/verdict.json"] = data = json.dumps(verdict).encode()
    manifest = json.loads(gcs.objects[f"{key}/manifest.json"])
    manifest["files"]["verdict.json"] |= {"sha256": sha256(data).hexdigest(), "size": len(data)}
    gcs.objects[f"{key}/manifest.json"] = json.dumps(manifest).encode()


def test_a_part_that_failed_says_why_in_the_runners_words(
    command: Command, fake: FakeArgo, spec: Experiment, filled: FakeGcs
) -> None:
    """As a real pod left them: the message of its main container."""
    run, said = spec.run_id(), "main: Error (exit code 4): error: no valid credentials\n  fix: log in"
    failed = pod("chain", 0, "dense", {"phase": "Failed", "exit": "4", "message": said})
    fake.workflows[run] = workflow(run, failed, phase="Failed", **of(spec))
    told = command("status", run).out
    assert "level 0 dense: failed: no valid credentials (exit code 4)\n  fix: log in\n" in told
    assert "failed: level 0 dense: no valid credentials (exit code 4)\n  fix: log in\n" in command("watch", run).err
    part = command("status", run, "-o", "json").json["parts"][0]
    assert (part["message"], part["fix"]) == ("no valid credentials (exit code 4)", "log in")


def test_a_watcher_that_must_end_says_how_to_come_back(command: Command, fake: FakeArgo, at_work: str) -> None:
    fake.faults["get"] = iter([403])
    refused(command("watch", at_work), 4, f"the run goes on. Back to it: ticketsmith watch {at_work}")


def test_a_list_asks_for_the_nodes_of_those_at_work_alone(command: Command, fake: FakeArgo, at_work: str) -> None:
    fake.workflows["done"] = workflow("done", phase="Succeeded")
    assert len(command("list", "-o", "json").json["workflows"]) == 2
    assert fake.calls["get"] == 1 and "items.status.nodes" not in fake.fields and "items.status.phase" in fake.fields


def test_who_may_write_templates_is_another_role(command: Command, fake: FakeArgo) -> None:
    fake.faults["templates"] = iter([None, 403])
    done = command("templates", "apply", "--profile", "cpu", "--image", "i")
    refused(done, 4, "kubectl -n lab create rolebinding", "--role=ticketsmith-deployer")
    fake.faults["templates"] = iter([403])
    refused(command("templates", "diff", "--profile", "cpu"), 4, "--role=ticketsmith-user")


def test_watch_of_a_failed_run_has_the_exit_code_of_the_step(
    command: Command, ended: str, gcs: FakeGcs, finished: Path
) -> None:
    store = LocalStore(finished)
    keys = [f"{ended}/card.json", *store.list(f"{ended}/spec/")]
    gcs.objects |= {f"runs/{key}": store.get(key) for key in keys}
    done = command("watch", ended)
    assert done.code == 5, done.err
    assert "failed: level 1 ticket: main: Error (exit code 5)" in done.err and f"ticketsmith resume {ended}" in done.err


def test_logs_are_for_people_or_as_they_are(command: Command, fake: FakeArgo, at_work: str) -> None:
    lines = [
        ("a", '{"event": "replicate", "step": "s", "done": 1, "of": 5}'),
        ("a", '{"event": "spent", "start": 3.4, "store": 0.2, "work": 1.5}'),
        ("a", 'time="2026-01-01T00:00:00Z" level=info msg="sub-process exited" argo=true'),
        ("a", 'time=2026-01-01T00:00:00.1Z level=INFO msg="sub-process exited" argo=true src=emissary.go'),
        ("a", "Traceback of something"),
    ]
    fake.logs = [list(lines), list(lines)]
    text = ["a: s 1/5", "a: start 3.4 s, store 0.2 s, work 1.5 s", "a: Traceback of something"]
    assert command("logs", at_work).out.splitlines() == text
    raw = [json.loads(line) for line in command("logs", at_work, "-o", "json").out.splitlines()]
    assert [(each["pod"], each["line"]) for each in raw] == lines


def test_logs_of_a_pod_that_is_gone_come_from_the_archive(
    command: Command, fake: FakeArgo, gcs: FakeGcs, at_work: str
) -> None:
    document = fake.workflows[at_work]
    gone = document["status"]["nodes"]["chain-0-dense-0"]
    gone["outputs"] = {"artifacts": [{"name": "main-logs", "gcs": {"key": "argo/x/main.log"}}]}
    document["status"]["artifactRepositoryRef"] = {"artifactRepository": {"gcs": {"bucket": "bucket"}}}
    gcs.objects["argo/x/main.log"] = b"what it said\n"
    fake.logs = [[("r-chain-1", "alive")]]
    assert command("logs", at_work).out.splitlines() == ["chain-0-dense-0: what it said", "r-chain-1: alive"]


def test_logs_that_are_followed_have_each_line_once(command: Command, fake: FakeArgo, gcs: FakeGcs) -> None:
    fake.workflows["r"] = document = workflow("r", pod("chain", 0, "dense", SUCCEEDED), phase="Succeeded")
    there = document["status"]["nodes"]["chain-0-dense-0"]
    there["outputs"] = {"artifacts": [{"name": "main-logs", "gcs": {"key": "argo/x/main.log"}}]}
    document["status"]["artifactRepositoryRef"] = {"artifactRepository": {"gcs": {"bucket": "bucket"}}}
    gcs.objects["argo/x/main.log"] = b"what it said\n"
    fake.logs = [[("chain-0-dense-0", "what it said")]] * 2
    assert command("logs", "r", "-f").out.splitlines() == ["chain-0-dense-0: what it said"]


def test_open_prints_the_page(command: Command, fake: FakeArgo, at_work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert command("open", at_work).out == f"http://{fake.address}/workflows/lab/{at_work}\n"
    assert opened == [f"http://{fake.address}/workflows/lab/{at_work}"]


class TestFetch:
    def test_the_whole_run_verified(
        self, command: Command, filled: FakeGcs, spec: Experiment, finished: Path, tmp_path: Path
    ) -> None:
        done = command("fetch", spec.run_id(), "--to", str(tmp_path / "to"))
        assert done.code == 0, done.err
        theirs, ours = LocalStore(finished), LocalStore(tmp_path / "to")
        keys = list(theirs.list(f"{spec.run_id()}/"))  # the notes of tries belong to the store
        assert list(ours.list()) == keys and all(ours.get(key) == theirs.get(key) for key in keys)
        again = command("fetch", spec.run_id(), "--to", str(tmp_path / "to"), "-o", "json")
        assert again.code == 0 and again.json["run"] == spec.run_id()

    def test_a_file_that_was_altered_is_not_written(
        self, command: Command, filled: FakeGcs, spec: Experiment, tmp_path: Path
    ) -> None:
        (key,) = (each for each in filled.objects if each.endswith("dense/train/weights.safetensors"))
        filled.objects[key] = filled.objects[key][:-1] + b"!"
        refused(command("fetch", spec.run_id(), "--to", str(tmp_path)), 5, "weights.safetensors: expected sha256")
        assert not (tmp_path / key.removeprefix("runs/")).exists()

    def test_a_file_that_is_gone(self, command: Command, filled: FakeGcs, spec: Experiment, tmp_path: Path) -> None:
        (key,) = (each for each in filled.objects if each.endswith("dense/train/metrics.json"))
        del filled.objects[key]
        refused(command("fetch", spec.run_id(), "--to", str(tmp_path)), 5, "metrics.json: missing")

    def test_other_bytes_at_home_are_kept(
        self, command: Command, filled: FakeGcs, spec: Experiment, tmp_path: Path
    ) -> None:
        mine = tmp_path / spec.run_id() / "cohort-00/level-00/dense/train/metrics.json"
        mine.parent.mkdir(parents=True)
        mine.write_text("mine")
        refused(command("fetch", spec.run_id(), "--to", str(tmp_path)), 6, "metrics.json")
        assert mine.read_text() == "mine"

    @pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a/../../../evil", "..\\evil"])
    def test_a_manifest_cannot_lead_out_of_the_folder(
        self, command: Command, filled: FakeGcs, spec: Experiment, tmp_path: Path, name: str
    ) -> None:
        (key,) = (each for each in filled.objects if each.endswith("dense/train/manifest.json"))
        manifest = json.loads(filled.objects[key])
        manifest["files"][name] = next(iter(manifest["files"].values()))
        filled.objects[key] = json.dumps(manifest).encode()
        done = command("fetch", spec.run_id(), "--to", str(tmp_path / "to"))
        assert done.code in (2, 5) and done.out == "" and "Traceback" not in done.err, done.err
        assert not list(tmp_path.rglob("*evil*"))

    def test_an_unknown_run(self, command: Command, gcs: FakeGcs) -> None:
        refused(command("fetch", "no-such-run"), 2, "no-such-run")

    def test_best_names_the_ticket_or_says_that_none_passed(
        self, command: Command, filled: FakeGcs, spec: Experiment
    ) -> None:
        done = command("best", spec.run_id())
        verdict = filled.objects[f"runs/{spec.run_id()}/cohort-00/level-01/ticket/gate/verdict.json"]
        first = json.loads(verdict)["status"]
        assert done.code == EXIT_CODES[first]
        assert ("weights:" in done.out) is (done.code == 0)


class TestTemplates:
    def test_apply_then_diff(self, command: Command, fake: FakeArgo) -> None:
        flags = ("--profile", "cpu", "--image", "here/runner@sha256:1")
        assert command("templates", "diff", *flags).code == 2
        done = command("templates", "apply", *flags)
        rendered = {each["metadata"]["name"]: each["spec"] for each in templates("cpu", "here/runner@sha256:1")}
        assert done.code == 0 and len(done.out.splitlines()) == len(rendered) == 4
        assert all(fake.templates[name]["spec"] == spec for name, spec in rendered.items())
        assert command("templates", "diff", *flags).code == 0
        assert command("templates", "diff", "--profile", "cpu").code == 0, "without --image, any will do"
        assert command("templates", "diff", "--profile", "cpu", "--image", "another").code == 2

    def test_what_a_server_writes_otherwise_is_no_difference(self, command: Command, fake: FakeArgo) -> None:
        """Argo 4.1 behind an API server gives back 10 for 10.0, no `prefix: ''`, and a `name: ''` of its own."""
        for document in templates("cpu", "an/image"):
            for each in document["spec"]["templates"]:
                each |= {"inputs": each.get("inputs", {}), "metadata": each.get("metadata", {})}
                if "container" in each:
                    each["container"] |= {
                        "name": "",
                        "envFrom": [{"configMapRef": each["container"]["envFrom"][0]["configMapRef"]}],
                    }
                for metric in each.get("metrics", {}).get("prometheus", []):
                    metric["histogram"]["buckets"] = [int(bucket) for bucket in metric["histogram"]["buckets"]]
            fake.templates[document["metadata"]["name"]] = document
        assert command("templates", "diff", "--profile", "cpu", "--image", "an/image").code == 0
        report = next(
            t for t in fake.templates["ticketsmith-imp-cpu-v0-1-0"]["spec"]["templates"] if t["name"] == "report"
        )
        report["outputs"]["artifacts"][0]["archive"] = {}
        assert "none: {}" in command("templates", "diff", "--profile", "cpu", "--image", "an/image").out

    def test_diff_is_of_the_profile_that_is_installed(self, command: Command, fake: FakeArgo) -> None:
        fake.templates.clear()
        refused(command("templates", "diff"), 2, "no template", "templates apply --profile t4 --image IMAGE")
        assert command("templates", "apply", "--profile", "cpu", "--image", "i").code == 0
        assert command("templates", "diff").code == 0

    def test_a_dry_run_keeps_nothing(self, command: Command, fake: FakeArgo) -> None:
        before = dict(fake.templates)
        assert "valid" in command("templates", "apply", "--profile", "cpu", "--image", "i", "--dry-run").out
        assert fake.templates == before

    def test_without_an_image_nothing_is_applied(self, command: Command, fake: FakeArgo) -> None:
        refused(command("templates", "apply", "--profile", "cpu"), 2, "--image: which one?", "make image")

    def test_a_profile_that_is_none(self, command: Command) -> None:
        done = command("templates", "apply", "--profile", "t5", "--image", "i")
        refused(done, 2, "no profile 't5'")

    def test_lint(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None)
        done = command("templates", "lint", "--profile", "l4")
        assert (done.code, done.out) == (0, "no problems found\n") and "argo lint: not run" in done.err

    def test_an_argo_that_does_not_answer_is_a_problem(
        self, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        slow = tmp_path / "argo"
        slow.write_text("#!/bin/sh\nexec sleep 60\n")
        slow.chmod(0o755)
        monkeypatch.setattr(shutil, "which", lambda name: str(slow))
        monkeypatch.setattr("ticketsmith.cli.linting.LIMIT", 0.2)
        done = command("templates", "lint", "--profile", "l4")
        assert (done.code, done.out) == (2, "argo lint: no answer in 0.2 s\n")


class TestDoctor:
    def test_what_is_well_what_is_not_and_what_cannot_be_told(self, command: Command, fake: FakeArgo) -> None:
        fake.templates = {each["metadata"]["name"]: each for each in templates("l4", "an/image")}
        done = command("doctor", "-o", "json")
        found = {each["check"]: each["state"] for each in done.json["checks"]}
        assert found == {
            "server": "ok",
            "version": "ok",
            "permissions": "unknown",
            "templates": "ok",
            "locks": "ok",
            **dict.fromkeys(("quota", "objects", "nodes", "image", "restrictions"), "unknown"),
            "bucket": "ok",
        }
        assert done.code == 0

    def test_nobody_elses_permissions_are_told(
        self, command: Command, fake: FakeArgo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The kubeconfig of the same cluster is another identity than ARGO_TOKEN: what it may do is no answer."""
        direct = cluster(tmp_path)
        monkeypatch.setattr("ticketsmith.cli.checkup.beside", lambda argo: direct)
        found = {each["check"]: each for each in command("doctor", "-o", "json").json["checks"]}
        assert found["nodes"]["state"] == "ok", "the kubeconfig is asked for what is nobody's"
        assert found["permissions"]["state"] == "unknown" and "does not say" in found["permissions"]["said"]

    def test_each_failure_has_a_fix_and_the_first_is_the_exit_code(self, command: Command, fake: FakeArgo) -> None:
        fake.faults["version"] = iter([403])
        done = command("doctor", "--store", "gs://no-such-bucket/x")
        assert done.code == 4, done.out
        failed = [line for line in done.out.splitlines() if line.startswith("failed")]
        assert [line.split()[1] for line in failed] == ["version:", "templates:", "bucket:"]
        assert done.out.count("fix: ") == 3 and "not what ticketsmith 0.1.0 renders" in done.out

    def test_an_old_argo_is_refused(self, command: Command, fake: FakeArgo, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ticketsmith.argo.server.ArgoServer.version", lambda self: "v4.0.6")
        done = command("doctor", "-o", "json")
        (version,) = (each for each in done.json["checks"] if each["check"] == "version")
        assert version["state"] == "failed" and "4.0.7" in version["fix"] and done.code == 2

    def test_out_of_reach_the_rest_is_not_asked_but_the_bucket_is(
        self, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARGO_SERVER", "127.0.0.1:1")
        done = command("doctor", "-o", "json")
        assert [(each["check"], each["state"]) for each in done.json["checks"]] == [
            ("server", "failed"),
            ("bucket", "ok"),
        ]
        assert done.code == 3
