"""Checks of what a cluster has around the templates, on the answers of a real one."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ticketsmith.argo import Argo, Missing, kube
from ticketsmith.cli import checkup, surroundings
from ticketsmith.cli.diagnosis import Finding, settled
from ticketsmith.renderer import templates

from .test_transports import KUBECONFIG, nap

IMAGE = "registry.example/ticketsmith/runner:1"
GOOD = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}]
ROOM = {"cpu": "2", "memory": "24581684Ki", "pods": "110"}
CPU = {"metadata": {"name": "cpu", "labels": {}}, "spec": {}, "status": {"allocatable": ROOM, "conditions": GOOD}}
T4 = {
    "metadata": {"name": "t4", "labels": {"cloud.google.com/gke-accelerator": "nvidia-tesla-t4"}},
    "spec": {"taints": [{"effect": "NoSchedule", "key": "nvidia.com/gpu", "value": "present"}]},
    "status": {"allocatable": ROOM | {"nvidia.com/gpu": "1"}, "conditions": GOOD, "images": [{"names": [IMAGE]}]},
}
QUOTA = {
    "metadata": {"name": "few"},
    "status": {"hard": {"requests.cpu": "4", "pods": "10"}, "used": {"requests.cpu": "1100m", "pods": "2"}},
}
WAITS = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
PULLS = {"status": {"containerStatuses": [{"image": IMAGE, "state": {"waiting": WAITS}}]}}
CONTROLLER = "argo/configmaps/workflow-controller-configmap"
WELL: dict[str, Any] = {
    "nodes": {"items": [CPU, T4]},
    "lab/pods": {"items": []},
    "lab/resourcequotas": {"items": [QUOTA]},
    "lab/serviceaccounts/ticketsmith-runner": {},
    "lab/serviceaccounts/ticketsmith-executor": {},
    "lab/configmaps/artifact-repositories": {"data": {"ticketsmith": "archiveLogs: true"}},
    "lab/configmaps/ticketsmith-limits": {"data": {"gpu-t4": "4", "gpu-l4": "4"}},
    CONTROLLER: {"data": {"workflowRestrictions": "{templateReferencing: Strict}", "instanceID": ""}},
}


def cluster(tmp_path: Path, profile: str = "local", **changes: Any) -> Argo:
    """The Kubernetes API of a cluster that has `WELL`; what is changed to a number is that status."""
    (tmp_path / "config").write_text(KUBECONFIG)
    there = deepcopy(WELL) | {"templates": {"items": templates(profile, IMAGE)}} | changes

    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        key = "templates" if "workflowtemplates" in path else path.removeprefix("/api/v1/").removeprefix("namespaces/")
        found = there.get(key, 404)
        status = found if isinstance(found, int) else 200
        return httpx2.Response(status, json={"message": "injected"} if isinstance(found, int) else found)

    return kube.from_environment({"KUBECONFIG": str(tmp_path / "config")}, httpx2.MockTransport(answer), nap)


def found(name: str, argo: Argo) -> Finding:
    return settled(name, lambda: checkup.DIRECT[name](argo))


AROUND = ["quota", "objects", "nodes", "image", "restrictions"]


@pytest.mark.parametrize("name", AROUND)
def test_a_cluster_that_has_everything(tmp_path: Path, name: str) -> None:
    assert found(name, cluster(tmp_path)).state == "ok"


@pytest.mark.parametrize("name", AROUND)
def test_what_may_not_be_seen_is_unknown_and_says_who_can_tell(tmp_path: Path, name: str) -> None:
    seen = found(name, cluster(tmp_path, **dict.fromkeys(WELL, 403)))
    assert seen.state == "unknown" and "kubectl -n " in seen.said


def test_more_used_than_allowed_is_a_failure(tmp_path: Path) -> None:
    few = {"metadata": {"name": "few"}, "status": {"hard": {"requests.cpu": "100m"}, "used": {"requests.cpu": "1"}}}
    seen = found("quota", cluster(tmp_path, **{"lab/resourcequotas": {"items": [few]}}))
    assert (seen.state, seen.code) == ("failed", 2) and "few requests.cpu: 1 of 100m" in seen.said
    assert "kubectl -n lab describe quota" in seen.fix


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ({"lab/serviceaccounts/ticketsmith-runner": 404}, "no serviceaccounts/ticketsmith-runner in namespace lab"),
        ({"lab/configmaps/artifact-repositories": 404}, "no configmaps/artifact-repositories"),
        ({"lab/configmaps/artifact-repositories": {"data": {"other": ""}}}, "has no ticketsmith"),
        ({"lab/configmaps/ticketsmith-limits": {"data": {"gpu-l4": "4"}}}, "has no gpu-t4"),
    ],
)
def test_an_object_that_is_missing_is_named(tmp_path: Path, gone: dict[str, Any], said: str) -> None:
    seen = found("objects", cluster(tmp_path, **gone))
    assert seen.state == "failed" and said in seen.said and "kubectl apply" in seen.fix


def test_a_machine_that_no_node_is(tmp_path: Path) -> None:
    """No failure: pools grow from none."""
    cordoned = T4 | {"spec": T4["spec"] | {"unschedulable": True}}
    for profile, items in (("l4", [CPU, T4]), ("t4", [CPU, T4]), ("local", [CPU]), ("local", [CPU, cordoned])):
        seen = found("nodes", cluster(tmp_path, profile, nodes={"items": items}))
        assert seen.state == "unknown" and "pods wait" in seen.said, profile


def test_an_image_that_a_pod_cannot_pull_is_a_failure_and_one_that_no_node_has_is_unknown(tmp_path: Path) -> None:
    seen = found("image", cluster(tmp_path, **{"lab/pods": {"items": [PULLS]}}))
    assert seen.state == "failed" and "ImagePullBackOff: Back-off" in seen.said and "templates apply" in seen.fix
    assert found("image", cluster(tmp_path, nodes={"items": [CPU]})).state == "unknown"


@pytest.mark.parametrize("data", [{}, {"workflowRestrictions": ""}, {"config": "{parallelism: 2}"}])
def test_a_controller_that_runs_anything_is_advised_against(tmp_path: Path, data: dict[str, str]) -> None:
    seen = found("restrictions", cluster(tmp_path, **{CONTROLLER: {"data": data}}))
    assert seen.state == "advice" and "templateReferencing: Strict" in seen.fix and seen.code == 0


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ({"config": "workflowRestrictions: {templateReferencing: Secure}"}, "ok"),
        ({"workflowRestrictions": "{templateReferencing: Strict}", "links": "- &a {1: !!str x}\n- *a"}, "ok"),
        ({"workflowRestrictions": "{templateReferencing: &a Strict, other: *a}"}, "unknown"),
        ({"workflowRestrictions": "!!map {}"}, "unknown"),
        ({"config": "{1: 2}"}, "unknown"),
        ({"config": "some text"}, "unknown"),
        ({"config": "workflowRestrictions: [Strict]"}, "unknown"),
        ({"config": "#" * 70_000}, "unknown"),
    ],
)
def test_of_the_controllers_settings_one_is_read(tmp_path: Path, data: dict[str, str], state: str) -> None:
    """Argo reads more of YAML than we do: what we cannot read is not known, and no bug."""
    seen = found("restrictions", cluster(tmp_path, **{CONTROLLER: {"data": data}}))
    assert seen.state == state and "\n" not in seen.said


def test_the_kubeconfig_is_asked_if_it_is_of_the_same_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the uids of the templates: names alone are the same in every cluster."""
    argo = cluster(tmp_path)
    other = cluster(tmp_path, templates={"items": [{"metadata": {"name": "n", "uid": "other"}}]})
    for direct, used in ((argo, True), (other, False)):
        monkeypatch.setattr(checkup, "connect", lambda environment, direct=direct: direct)
        assert (checkup.beside(argo) is direct) is used


def test_quantities_are_numbers() -> None:
    quantities = ("100m", "1", "2Gi", "24581684Ki")
    assert [surroundings.number(each) for each in quantities] == [0.1, 1, 2**31, 24581684 * 2**10]
    units = ("1E", "1e3", "1.5E-1", "500u", "7n", "1P", "1Pi", "2Ei", ".5k", "1Ki")
    told = [1e18, 1e3, 0.15, 5e-4, 7e-9, 1e15, 2**50, 2**61, 500, 2**10]
    assert [surroundings.number(each) for each in units] == pytest.approx(told)
    assert {surroundings.number(each) for each in ("many", "1.2.3", ".", "1ki", "1mi", "")} == {float("inf")}


def test_what_is_missing_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        cluster(tmp_path).lookup("configmaps/none")
