"""The templates that no command submits, as the interface and `argo submit` do; and dense training alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ticketsmith.documents import canonical
from ticketsmith.executors.sending import send
from ticketsmith.hardware import PROFILES
from ticketsmith.ledger import Ledger, spec_key
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.spec import Experiment
from ticketsmith.specs import overrides, read_spec, remeasured
from ticketsmith.stores import open_store

from .conftest import ONE_ROUND, Cluster, fresh, until

TINY = {"replicates": 5, "training.steps": 60, "pruning.sparsity": 0.2, "benchmark.rounds": 2}
TINY |= {"benchmark.precision": ["fp32"], "benchmark.backends": ["codegen"]}


def known(cluster: Cluster, spec: Experiment) -> dict[str, str]:
    """Parameters of a template for a spec, which is in the store with all that its pods need."""
    key, store = spec_key(spec.run_id(), spec), open_store(cluster.store)
    send(store, spec, "data", mounted=False)
    store.put_once(key, canonical(spec.model_dump(mode="json")))
    return {"run-id": spec.run_id(), "spec": key}


def ended(cluster: Cluster, kind: str, **parameters: str) -> str:
    """Create a workflow from the template of a kind; returns the phase in which it ended."""
    given = [{"name": name, "value": value} for name, value in {"store": cluster.store, **parameters}.items()]
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"e2e-{kind}-"},
        "spec": {
            "workflowTemplateRef": {"name": PROFILES["local"].template(kind)},
            "arguments": {"parameters": given},
        },
    }
    name = cluster.kubectl("create", "-f", "-", "-o", "name", input=json.dumps(document)).strip()

    def phase() -> str | None:
        status: dict[str, Any] = json.loads(cluster.kubectl("get", name, "-o", "json")).get("status", {})
        return status.get("phase") if status.get("finishedAt") else None

    return until(phase, limit=300, every=2)


def test_a_sweep_is_a_run_for_each_spec_and_a_benchmark_measures_one_again(cluster: Cluster) -> None:
    specs = [read_spec(None, overrides(TINY | {"seed": seed})) for seed in (1, 2)]
    experiments = json.dumps([known(cluster, spec) for spec in specs])
    assert ended(cluster, "sweep", experiments=experiments) == "Succeeded"
    store = open_store(cluster.store)
    for spec in specs:
        ledger = Ledger(store, spec.run_id())
        assert all(ledger.done(step) for step in imp(spec) if not step.derived)
        assert list(store.list(f"{spec.run_id()}/report/"))
    again = remeasured(specs[0], batch_sizes=[1], rounds=3)
    assert ended(cluster, "benchmark", level="1", **known(cluster, again)) == "Succeeded"
    assert all(Ledger(store, again.run_id()).done(step) for step in imp(again) if not step.derived)


def test_dense_alone_is_the_first_step_of_the_run(cluster: Cluster) -> None:
    done = cluster.ticketsmith("submit", "dense", *ONE_ROUND, "--wait", "-o", "json")
    assert done.code == 0, done.stderr
    assert [part["part"] for part in done.json["parts"]] == ["chain", "report"]
    assert done.json["workflow"].endswith("-train") and done.json["verdict"] is None


@pytest.mark.parametrize("transport", ["argo-server", "kube-apiserver"])
def test_what_was_applied_is_what_is_rendered(cluster: Cluster, transport: str) -> None:
    direct = {"ARGO_SERVER": ""} if transport == "kube-apiserver" else {}
    assert cluster.ticketsmith("templates", "diff", "--profile", "local", **direct).code == 0
    applied = cluster.ticketsmith("templates", "apply", "--profile", "local", "--image", "i", "--dry-run", **direct)
    assert applied.code == 0, applied.stderr
    doctor = cluster.ticketsmith("doctor", "-o", "json", **direct)
    assert doctor.code == 0 and not [each for each in doctor.json["checks"] if each["state"] == "failed"], doctor.stdout


@pytest.fixture(scope="module")
def user(installed: dict[str, str]) -> Iterator[str]:
    """Somebody who has the role `ticketsmith-user` and nothing else."""
    cluster = fresh(installed)
    who = ("--role=ticketsmith-user", f"--serviceaccount={cluster.namespace}:e2e-user")
    cluster.kubectl("create", "rolebinding", "e2e-user", *who)
    yield f"system:serviceaccount:{cluster.namespace}:e2e-user"
    cluster.kubectl("delete", "rolebinding", "e2e-user")


@pytest.mark.parametrize(
    ("verb", "resource", "answer"),
    [
        ("create", "workflows", "yes"),
        ("patch", "workflows", "yes"),
        ("get", "pods/log", "yes"),
        ("get", "configmaps/ticketsmith-limits", "yes"),
        ("get", "configmaps/another", "no"),
        ("get", "secrets", "no"),
        ("create", "pods", "no"),
        ("create", "workflowtemplates", "no"),
        ("delete", "workflows", "no"),
    ],
)
def test_who_may_use_workflows_may_little_else(
    cluster: Cluster, user: str, verb: str, resource: str, answer: str
) -> None:
    asked = cluster.kubectl("auth", "can-i", verb, resource, f"--as={user}", check=False)
    assert asked.strip() == answer
