"""`ticketsmith submit`: the plan, the Workflow, one run however often it is submitted, and every wrong input."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from ticketsmith.argo import server
from ticketsmith.executors.argo import DEPTH, submit
from ticketsmith.executors.limits import UNLIMITED
from ticketsmith.hardware import PARALLEL, PROFILES, REPORTING
from ticketsmith.ledger import spec_key
from ticketsmith.lottery.spec import Experiment
from ticketsmith.renderer import templates
from ticketsmith.stores import open_store

from ..fake_gcs import FakeGcs
from .conftest import FLAGS, STORE, TOKEN, Command, Done, install, of
from .fake import FakeArgo
from .workflows import RUNNING, SUCCEEDED, pod, workflow

IMP = ("submit", "imp", *FLAGS)


def refused(done: Done, code: int, *said: str) -> None:
    """The code, the problem and its fix on standard error, nothing on standard output, and no traceback."""
    assert (done.code, done.out) == (code, ""), done.err
    assert all(each in done.err for each in said), done.err
    assert "\n  fix: " in done.err and "Traceback" not in done.err and "internal error" not in done.err


def test_a_run_is_submitted_from_the_template_with_three_parameters(
    command: Command, fake: FakeArgo, gcs: FakeGcs, spec: Experiment
) -> None:
    done = command(*IMP)
    run = spec.run_id()
    assert done.code == 0 and done.out.splitlines() == [run, f"http://{fake.address}/workflows/lab/{run}"]
    assert "13 steps in 7 pods, at most 4 at a time" in done.err
    assert "at most 96 GPU-hours (4 x 24 h, less with --max-hours); dollars: unknown without --price" in done.err
    assert f"next:   ticketsmith watch {run}" in done.err
    (sent,) = (each["workflow"] for each in fake.sent)
    given = {each["name"]: each["value"] for each in sent["spec"]["arguments"]["parameters"]}
    assert given == {"run-id": run, "spec": spec_key(run, spec), "store": STORE}
    assert sent["metadata"]["name"] == run
    assert sent["spec"]["workflowTemplateRef"] == {"name": PROFILES["t4"].template("imp")}
    assert f"runs/{given['spec']}" in gcs.objects


def test_the_plan_counts_every_cohort_that_may_be_bought(command: Command, fake: FakeArgo) -> None:
    once, auto = (command(*IMP, "--replicates", n, "--dry-run", "-o", "json").json["plan"] for n in ("5", "auto"))
    assert (once["pods"], auto["pods"]) == (7, 4 * 5 + 2)  # a benchmark and a report in all
    assert once["run"] == auto["run"] and not fake.workflows  # more replicates of one run


def test_the_same_run_submitted_twice_is_one(command: Command, fake: FakeArgo) -> None:
    first, second = command(*IMP, "-o", "json"), command(*IMP, "-o", "json")
    assert (first.json["new"], second.json["new"]) == (True, False)
    assert first.json["workflow"] == second.json["workflow"] and len(fake.workflows) == 1
    assert "at work already" in second.err


def test_five_at_the_same_moment_are_one(fake: FakeArgo, gcs: FakeGcs, spec: Experiment) -> None:
    where = {"ARGO_SERVER": fake.address, "ARGO_SECURE": "false", "ARGO_TOKEN": TOKEN, "ARGO_NAMESPACE": "lab"}

    def once(_: int) -> bool:
        argo, name = server.from_environment(where), PROFILES["t4"].template("imp")
        return submit(argo, open_store(STORE), spec, kind="imp", template=name, limits=UNLIMITED).new

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(once, range(5))) == [False, False, False, False, True]


def test_after_a_run_that_failed_the_next_workflow_counts_on(
    command: Command, fake: FakeArgo, spec: Experiment
) -> None:
    run = spec.run_id()
    fake.workflows[run] = workflow(run, phase="Failed", **of(spec))
    assert command(*IMP, "-o", "json").json["workflow"] == f"{run}-2"
    assert fake.workflows[f"{run}-2"]["metadata"]["labels"]["ticketsmith.dev/attempt"] == "2"


def test_another_spec_of_the_same_run_at_work_is_a_conflict(command: Command, fake: FakeArgo, spec: Experiment) -> None:
    assert command(*IMP).code == 0
    refused(command(*IMP, "--set", "benchmark.rounds=3"), 6, "at work on this run with another spec", spec.run_id())


def test_what_is_finished_is_not_submitted(command: Command, fake: FakeArgo, filled: FakeGcs) -> None:
    done = command(*IMP, "--wait")
    assert "is finished: nothing was submitted" in done.err and fake.workflows == {}
    assert done.code in (0, 7) and "Winning Ticket" in done.out


def test_dense_alone_is_another_workflow_of_the_same_run(command: Command, fake: FakeArgo, spec: Experiment) -> None:
    told = command("submit", "dense", *FLAGS, "-o", "json").json
    assert told["workflow"] == f"{spec.run_id()}-train" and (told["plan"]["steps"], told["plan"]["pods"]) == (1, 2), (
        "dense, and the report"
    )
    assert fake.sent[0]["workflow"]["spec"]["workflowTemplateRef"]["name"] == PROFILES["t4"].template("train")


def test_a_dry_run_talks_to_nobody_and_prints_what_kubectl_takes(
    command: Command, fake: FakeArgo, gcs: FakeGcs, spec: Experiment
) -> None:
    done = command(*IMP, "--dry-run", "--max-hours", "2", "--price", "0.5")
    document = yaml.safe_load(done.out)
    assert document["metadata"]["name"] == spec.run_id() and document["spec"]["activeDeadlineSeconds"] == 7200
    assert "# at most 8 GPU-hours" in done.out and "$4.00 at $0.5" in done.out
    assert not fake.calls and not gcs.calls
    assert command(*IMP, "--dry-run", "-o", "json").json["workflow"]["kind"] == "Workflow"


def test_a_machine_without_gpu_costs_no_gpu_hours(command: Command, fake: FakeArgo) -> None:
    install(fake, "cpu")
    told = command(*IMP, "--profile", "cpu", "--max-hours", "3", "-o", "json").json
    assert (told["plan"]["gpu"], told["plan"]["gpu_hours"]) == (None, 0.0)
    priced = command(*IMP, "--profile", "cpu", "--max-hours", "3", "--price", "0.1", "--dry-run", "-o", "json").json
    assert priced["plan"]["dollars"] == 1.23, "four machines for three hours, and one for the report"


COSTS = {
    "t4": (["--price", "0.5", "--max-cost", "2"], 4, 0),
    "cpu": (["--price", "0.1", "--max-cost", "0.5"], 4, 900),
    "local": (["--price", "0.35", "--max-cost", "0.01"], 1, 0),
}


@pytest.mark.parametrize("profile", COSTS)
def test_a_workflow_ends_before_it_costs_more(command: Command, fake: FakeArgo, profile: str) -> None:
    """The deadline that Argo keeps, on as many machines as it may hold at a time, with 30 s for a pod to end in."""
    flags, machines, after = COSTS[profile]
    install(fake, profile)
    told = command(*IMP, "--profile", profile, *flags, "-o", "json").json["plan"]
    (sent,) = (each["workflow"] for each in fake.sent)
    seconds = sent["spec"]["activeDeadlineSeconds"]
    cost, price = float(flags[3]), float(flags[1])
    assert told["machines"] == machines and told["dollars"] <= cost
    spent = (machines * (seconds + 30) + after) / 3600 * price
    assert spent <= cost < spent + machines * 2 / 3600 * price, "not more, and no second less than that"
    noted = {"ticketsmith.dev/price": flags[1], "ticketsmith.dev/max-cost": flags[3]}
    assert sent["metadata"]["annotations"] == noted


def test_what_costs_nothing_has_no_dollars_and_no_limit_in_them(command: Command, fake: FakeArgo) -> None:
    """Dense of `local` trains on the machine that is there: only its benchmark would hold a GPU."""
    install(fake, "local")
    dense = ("submit", "dense", *FLAGS, "--profile", "local", "--price", "1")
    done = command(*dense, "--dry-run")
    assert done.code == 0 and "$" not in done.out
    refused(command(*dense, "--max-cost", "1"), 2, "no pod of this run is paid for by the hour", "--max-hours")
    assert not fake.workflows


def test_a_template_is_as_wide_and_as_late_as_the_cost_assumes() -> None:
    for profile in PROFILES:
        for template in templates(profile, "an/image"):
            if template["spec"]["onExit"]:
                (report,) = (each for each in template["spec"]["templates"] if each["name"] == "report")
                assert report["activeDeadlineSeconds"] == REPORTING and "nodeSelector" not in report
            if template["metadata"]["labels"]["app.kubernetes.io/component"] == "imp":
                assert template["spec"]["parallelism"] == PARALLEL


def test_a_run_at_work_keeps_its_limits_and_says_so(command: Command, fake: FakeArgo, spec: Experiment) -> None:
    assert command(*IMP).code == 0
    assert "its limits are" not in command(*IMP).err
    done = command(*IMP, "--price", "0.5", "--max-cost", "2", "-q", "-o", "json")
    kept = "its limits are those that it began with: 24 h, $48.00 at most; for others: `ticketsmith stop"
    assert f"{kept} {spec.run_id()}`" in done.err, "however quiet"
    plan = done.json["plan"]
    assert (plan["seconds"], plan["hours"], plan["dollars"]) == (None, 24, 48), "that which it has"
    assert "activeDeadlineSeconds" not in fake.workflows[spec.run_id()]["spec"]


def test_a_run_at_work_that_has_these_limits_is_no_surprise(command: Command) -> None:
    limited = (*IMP, "--price", "0.5", "--max-cost", "2")
    first, second = command(*limited, "-o", "json"), command(*limited, "-o", "json")
    assert first.json["plan"] == second.json["plan"] and "its limits are" not in second.err


def test_the_less_of_two_limits_holds(command: Command) -> None:
    def plan(*flags: str) -> Any:
        return command(*IMP, "--dry-run", "--price", "0.5", *flags, "-o", "json").json["plan"]

    assert plan("--max-cost", "2", "--max-hours", "0.5")["seconds"] == 1800
    assert plan("--max-cost", "2", "--max-hours", "5")["seconds"] == 3570
    assert plan("--max-cost", "1000")["seconds"] == 86400, "a template's own limit is not raised"


def test_the_price_of_a_list_is_that_of_the_machine_that_searches(command: Command, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(
        "date: 2026-11-30\nserve: small\nsearch: large\n"
        "machines: {small: {dollars_per_hour: 0.1}, large: {dollars_per_hour: 0.5}}\n"
    )
    flags = ("--prices", str(tmp_path / "prices.yaml"), "--max-cost", "2", "--dry-run", "-o", "json")
    assert command(*IMP, *flags).json["plan"]["price"] == 0.5
    assert command(*IMP, *flags, "--price", "small").json["plan"]["price"] == 0.1
    assert command(*IMP, *flags, "--price", "0.2").json["plan"]["price"] == 0.2


def test_a_list_that_leaves_the_machine_open_matters_where_dollars_are_asked_for(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = "date: 2026-11-30\nmachines: {small: {dollars_per_hour: 0.1}, large: {dollars_per_hour: 0.5}}\n"
    (tmp_path / "prices.yaml").write_text(machines)
    monkeypatch.setenv("TICKETSMITH_PRICES", str(tmp_path / "prices.yaml"))
    assert command(*IMP, "--dry-run", "-o", "json").json["plan"]["price"] is None
    refused(command(*IMP, "--dry-run", "--max-cost", "2"), 2, "--max-cost: which machine", "--price NAME")
    dry = ("--dry-run", "--max-cost", "2", "-o", "json")
    assert command(*IMP, *dry, "--price", "large").json["plan"]["price"] == 0.5
    (tmp_path / "prices.yaml").write_text(machines + "search: small\n")
    assert command(*IMP, *dry).json["plan"]["price"] == 0.1, "nobody asked for the machine that serves"


def test_stdout_is_data_only(command: Command, fake: FakeArgo) -> None:
    done = command(*IMP, "-o", "json")
    assert (
        set(done.json) == {"schema", "run", "workflow", "new", "store", "link", "plan", "estimate"}
        and "plan" not in done.err.split("\n")[0]
    )


class TestWrongInputs:
    """Each: what is wrong, how it is mended, the documented exit code; and nothing was created."""

    @pytest.fixture(autouse=True)
    def _nothing_created(self, fake: FakeArgo) -> object:
        yield
        assert fake.workflows == {}

    def test_an_unreachable_server(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARGO_SERVER", "127.0.0.1:1")
        refused(command(*IMP), 3, "cannot reach Argo Server at http://127.0.0.1:1", "port-forward", "ARGO_SERVER")

    def test_an_expired_token(self, command: Command, fake: FakeArgo) -> None:
        fake.token = "Bearer of tomorrow"
        refused(command(*IMP), 4, "401", "token not valid", "kubectl -n lab create token")

    def test_forbidden_by_rbac(self, command: Command, fake: FakeArgo) -> None:
        fake.faults["create"] = iter([403])
        refused(command(*IMP), 4, "403", "create rolebinding")

    def test_no_template(self, command: Command, fake: FakeArgo) -> None:
        fake.templates.clear()
        refused(command(*IMP), 2, "no template ticketsmith-imp-PROFILE", "templates apply --profile t4")

    def test_a_template_older_than_the_command_line(self, command: Command, fake: FakeArgo) -> None:
        name = "ticketsmith-imp-t4-v0-0-9"
        fake.templates = {name: {"metadata": {"name": name}}}
        refused(command(*IMP), 2, f"it has {name}, and this is ticketsmith 0.1.0", "templates apply")

    def test_two_profiles_and_no_choice(self, command: Command, fake: FakeArgo) -> None:
        install(fake, "l4")
        refused(command(*IMP), 2, "templates for t4, l4", "choose one with --profile")

    def test_a_profile_that_is_none(self, command: Command) -> None:
        refused(command(*IMP, "--profile", "t5"), 2, "no profile 't5'", "one of t4, l4, cpu, local")
        refused(command(*IMP, "--profile", "t5", "--dry-run"), 2, "no profile 't5'")

    def test_a_missing_bucket(self, command: Command) -> None:
        refused(command(*IMP, "--store", "gs://no-such-bucket/runs"), 2, "no-such-bucket")

    def test_a_store_that_pods_cannot_reach(self, command: Command) -> None:
        refused(command(*IMP, "--store", "runs"), 2, "pods cannot reach 'runs'", "gs://bucket/prefix")

    def test_braces_that_argo_would_replace(self, command: Command) -> None:
        for prefix in ("{{workflow.name}}", "a}}b"):
            refused(command(*IMP, "--store", f"gs://bucket/{prefix}"), 2, "Argo would replace what is in braces")

    def test_a_sparsity_out_of_range(self, command: Command) -> None:
        refused(command("submit", "imp", "--sparsity", "1.5"), 2, "pruning.sparsity: expected less than 1, got 1.5")

    def test_more_rounds_than_argo_nests(self, command: Command) -> None:
        flags = ("--sparsity", "0.99", "--set", "pruning.fraction=0.01")
        problem = f"Argo nests templates 100 deep, which allows {DEPTH}"
        refused(command("submit", "imp", *flags), 2, problem, "ticketsmith run imp")

    def test_a_server_that_is_none(self, command: Command, fake: FakeArgo) -> None:
        fake.faults["templates"] = iter(["html"])
        refused(command(*IMP), 2, "did not answer with JSON")

    def test_hours_and_prices_are_positive(self, command: Command) -> None:
        refused(command(*IMP, "--max-hours", "0"), 2, "max-hours")
        refused(command(*IMP, "--price", "-1"), 2, "price")

    def test_a_cost_needs_a_price_and_leaves_time_for_work(self, command: Command) -> None:
        refused(command(*IMP, "--max-cost", "2"), 2, "--max-cost: no price was given", "--price 0.35")
        done = command(*IMP, "--max-cost", "0.01", "--price", "0.5")
        refused(done, 2, "4 machines at $0.5 an hour leave no minute of work", "--max-cost 0.06, or more")
        assert command(*IMP, "--max-cost", "0.06", "--price", "0.5", "--dry-run").code == 0


def test_a_server_that_stumbles_is_asked_again(command: Command, fake: FakeArgo) -> None:
    fake.faults["create"] = iter([503, "drop"])
    assert command(*IMP).code == 0 and len(fake.workflows) == 1


def test_an_answer_that_is_lost_is_not_a_second_run(command: Command, fake: FakeArgo, spec: Experiment) -> None:
    """The Workflow was created, its answer never came: asked again, the API says that it is there."""
    document = workflow(spec.run_id(), phase="Pending", **of(spec))
    fake.workflows[spec.run_id()] = document
    fake.faults["list"] = iter([])
    assert command(*IMP, "-o", "json").json["new"] is False


def ended(spec: Experiment) -> list[object]:
    """A run of one round, from its first state to its last."""
    run, given = spec.run_id(), of(spec)
    done = pod("chain", 0, "dense", SUCCEEDED, score="97.00 %")
    done |= pod("gate", 1, "ticket", SUCCEEDED, status="PASS", sparsity="0.2")
    return [
        workflow(run, pod("chain", 0, "dense", RUNNING), **given),
        "break",
        workflow(run, done, phase="Succeeded", **given),
    ]


@pytest.mark.parametrize("flags", [["--watch"], ["--wait"], ["--watch", "--logs"]])
def test_waiting_ends_with_the_verdict(
    command: Command, fake: FakeArgo, filled: FakeGcs, spec: Experiment, flags: list[str]
) -> None:
    """The report of the finished run is taken away: it has to be asked for, and is, once the workflow has ended."""
    kept = {key: filled.objects.pop(key) for key in list(filled.objects) if "/benchmark/" in key}
    states = ended(spec)

    def play() -> object:
        yield from states[:2]
        filled.objects.update(kept)
        yield states[2]

    fake.states[spec.run_id()] = play()
    fake.logs = [[("pod-a", '{"event": "replicate", "step": "s", "done": 1, "of": 5}'), ("pod-a", "plain words")]] * 9
    done = command(*IMP, *flags)
    assert done.code in (0, 7), done.err
    assert "Winning Ticket" in done.out
    assert ("level 0 dense: running 2/5" in done.err) is ("--watch" in flags)
    assert ("pod-a: s 1/5" in done.err) is ("--logs" in flags)


def test_ctrl_c_lets_go_and_says_how_to_come_back(fake: FakeArgo, gcs: FakeGcs, spec: Experiment) -> None:
    run = spec.run_id()
    fake.states[run] = (time.sleep(0.2) or workflow(run, **of(spec)) for _ in iter(int, 1))
    argv = [sys.executable, "-m", "ticketsmith", *IMP, "--watch"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child inherits it if it is ignored, as in CI
    child = subprocess.Popen(argv, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    end = time.monotonic() + 60
    while not fake.calls["watch"] and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert child.returncode == 130, said
    assert f"detached, the run goes on. Back to it: ticketsmith watch {run}; end it: ticketsmith stop {run}" in said
    assert "interrupted" not in said
    assert "Traceback" not in said and fake.calls["steer"] == 0


def test_the_step_summary_of_ci_gets_the_scorecard(
    command: Command, filled: FakeGcs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    command(*IMP, "--wait")
    assert "| Winning Ticket |" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize("flags", [["--wait"], ["--profile", "t4", "--dry-run"], ["--profile", "l4", "--dry-run"]])
def test_a_gpu_that_training_would_leave_idle_is_refused_unless_it_is_meant(command: Command, flags: list[str]) -> None:
    """A run id cannot hang on the profile: somebody has to say which of the two it is."""
    ways = ("--set training.device=cuda", "--profile cpu", "--set training.device=cpu")
    refused(command("submit", "imp", *flags), 2, "each training pod would hold a GPU and train on the processor", *ways)
    meant = command("submit", "imp", "--set", "training.device=cpu", "--profile", "t4", "--dry-run", "-o", "json").json
    plain = command("submit", "imp", "--profile", "cpu", "--dry-run", "-o", "json").json
    assert meant["plan"]["run"] == plain["plan"]["run"]


def test_gpus_that_training_does_not_use_are_told(command: Command) -> None:
    """Every pod of t4 holds one, also those that train on the processor; those of other profiles do not."""
    held = (
        "4 of them train on the processor, beside a GPU that is paid for: --set training.device=cuda, or --profile cpu"
    )
    assert held in command(*IMP, "--dry-run").out
    assert command(*IMP, "--dry-run", "-o", "json").json["plan"]["idle_gpu_pods"] == 4
    for flags in (["--set", "training.device=cuda"], ["--profile", "local"], ["--profile", "cpu"]):
        assert "paid for" not in command(*IMP, *flags, "--dry-run").out
