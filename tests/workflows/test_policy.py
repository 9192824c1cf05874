"""Rules that every rendered template keeps: what may be told apart only on a cluster is told here."""

import json
import re
from typing import Any

import pytest

from ticketsmith.lottery.controls import CONTROLS
from ticketsmith_workflows.profiles import PROFILES

from .conftest import Document, pods, strings

TAG = re.compile(r"\{\{(=?)(.*?)\}\}")
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
KNOWN = re.compile(  # what a plain tag may name
    r"(inputs\.parameters|workflow\.parameters|steps\.[a-z-]+\.outputs\.parameters|tasks\.[a-z-]+\.outputs\.parameters|item)"
    r"\.[a-z-]+|workflow\.(name|status|duration)|status|duration"
)


def test_every_tag_is_known_and_closed_where_it_seems_to_be(template: Document) -> None:
    """`'{"a":{"b":1}}'` inside an expression ends the tag at its two braces."""
    for text in (each for each in strings(template) if "{{" in each):
        assert text.count("{{") == text.count("}}"), text
        for expression, body in TAG.findall(text):
            assert (body.count("'") % 2 == 0) if expression else KNOWN.fullmatch(body), text


def test_no_value_reaches_a_shell_or_passes_for_a_flag(template: Document) -> None:
    assert not [each for each in template["spec"]["templates"] if {"script", "containerSet", "data"} & each.keys()]
    for pod in pods(template):
        assert pod["container"]["command"] == ["python", "-m", "ticketsmith_runner"]
        command, *flags = pod["container"]["args"]
        assert command in ("step", "report")
        assert not [flag for flag in flags if not re.match(r"--[a-z-]+=.", flag)]
        assert "env" not in pod["container"]


def test_a_pod_is_told_where_it_is_and_nothing_of_the_method(template: Document) -> None:
    told = {"cohort", "level", "arm", "kinds", "spec", "store", "outputs", "workers"}
    for pod in pods(template):
        assert {flag[2:].partition("=")[0] for flag in pod["container"]["args"][1:]} <= told


def test_every_pod_is_confined(template: Document) -> None:
    spec = template["spec"]
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 65532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["executor"]["serviceAccountName"] != spec["serviceAccountName"]
    for pod in pods(template):
        context = pod["container"]["securityContext"]
        assert context["allowPrivilegeEscalation"] is False and context["runAsNonRoot"]
        assert context["readOnlyRootFilesystem"] and context["capabilities"] == {"drop": ["ALL"]}
        assert all("emptyDir" in volume for volume in pod["volumes"])


def test_argos_own_containers_are_confined_whatever_its_configuration_says(template: Document) -> None:
    patch = json.loads(template["spec"]["podSpecPatch"])
    own = {each["name"]: each["securityContext"] for each in (*patch["initContainers"], *patch["containers"])}
    assert own.keys() == {"init", "wait"}
    assert all(each == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}} for each in own.values())


def test_every_pod_has_limits_of_size_and_time(template: Document) -> None:
    for pod in pods(template):
        assert pod["container"]["resources"]["limits"] == pod["container"]["resources"]["requests"]
        assert {"cpu", "memory"} <= pod["container"]["resources"]["limits"].keys()
        assert pod["activeDeadlineSeconds"] > 0 and pod["pendingTimeout"]
    assert template["spec"]["activeDeadlineSeconds"] > 0
    composed = [each for each in template["spec"]["templates"] if "container" not in each]
    assert not [each for each in composed if {"activeDeadlineSeconds", "timeout"} & each.keys()]  # Argo refuses them


def test_a_gpu_means_its_nodes_and_spot_first(template: Document, request: pytest.FixtureRequest) -> None:
    """Checked per pod: without the selector it may land on another GPU, without the toleration on none."""
    profile = PROFILES[request.node.callspec.id.partition("/")[0]]
    for pod in pods(template):
        hardware = {"chain": profile.train, "benchmark": profile.benchmark}.get(pod["name"])
        gpu = hardware.accelerator if hardware else None
        assert pod["container"]["resources"]["limits"].get("nvidia.com/gpu") == ("1" if gpu else None)
        assert pod.get("nodeSelector") == ({"cloud.google.com/gke-accelerator": gpu} if gpu else None)
        assert {each["key"] for each in pod.get("tolerations", [])} == (
            {"nvidia.com/gpu", "cloud.google.com/gke-spot"} if gpu else set()
        )
        assert ("podSpecPatch" in pod) == bool(gpu)
        if hardware and gpu:
            (semaphore,) = pod["synchronization"]["semaphores"]
            assert semaphore["configMapKeyRef"]["key"] == f"gpu-{hardware.name}"
            patch = re.search(r"\? '(.*?)' : '(.*?)'", pod["podSpecPatch"])
            assert patch and [json.loads(each) for each in patch.groups()] == [
                {"nodeSelector": {"cloud.google.com/gke-spot": "true"}},
                {},
            ]


def test_every_pod_is_repeated_after_a_preemption_and_never_after_a_bug(template: Document) -> None:
    for pod in pods(template):
        strategy = pod["retryStrategy"]
        assert strategy["limit"] == 10 and "maxDuration" not in strategy["backoff"]  # it would kill an attempt
        repeated = [again(strategy["expression"], *case) for case in REPEATED]
        final = [again(strategy["expression"], *case) for case in FINAL]
        assert all(repeated) and not any(final)


REPEATED = [
    ("Failed", "75", "main: Error (exit code 75)"),
    ("Failed", "143", "main: Error (exit code 143)"),
    ("Failed", "137", "main: Error (exit code 137)"),
    ("Failed", "3", "main: Error (exit code 3)"),
    ("Error", "", "pod deleted"),
    ("Failed", "", "Pod was terminated in response to imminent node shutdown."),
    (
        "Failed",
        "",
        "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match",
    ),
    ("Failed", "", "Pod was rejected: Allocate failed due to no healthy devices present, which is unexpected"),
    ("Failed", "", "The node was low on resource: memory. Evicted"),
]
FINAL = [
    ("Failed", "1", "main: Error (exit code 1)"),
    ("Failed", "5", "main: Error (exit code 5)"),
    ("Failed", "70", "main: Error (exit code 70)"),
    ("Failed", "137", "main: OOMKilled (exit code 137)"),
    ("Failed", "143", "Pod was active on the node longer than the specified deadline"),
    ("Failed", "", "timeout"),  # what `pendingTimeout` leaves
    ("Error", "", 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'),
]


def again(expression: str, status: str, code: str, message: str) -> bool:
    """The retry expression for one attempt, translated to Python: expr-lang's `matches` is a search."""

    def matches(found: re.Match[str]) -> str:
        flags, pattern = ("(?i)", found[1].replace("(?i)", "")) if "(?i)" in found[1] else ("", found[1])
        return repr(bool(re.search(flags + pattern, message)))

    text = re.sub(r"lastRetry\.message matches '([^']*)'", matches, expression)
    text = text.replace("lastRetry.exitCode", repr(code)).replace("lastRetry.status", repr(status))
    text = text.replace("||", "or").replace("&&", "and")
    assert re.fullmatch(r"[\w\s'(),\[\]=]*", text), text
    return bool(eval(text))


def test_every_output_has_a_default(template: Document) -> None:
    """What refers to an output of a pod that was skipped or failed hangs, or fails, without one."""
    for pod in pods(template):
        for output in pod.get("outputs", {}).get("parameters", []):
            assert output["valueFrom"]["default"], (pod["name"], output["name"])


def test_every_control_is_an_output_and_a_task(template: Document) -> None:
    for each in template["spec"]["templates"]:
        if each["name"] == "chain":
            assert {output["name"] for output in each["outputs"]["parameters"]} == set(CONTROLS)
        if each["name"] == "round":
            assert set(CONTROLS) <= {task["name"] for task in each["dag"]["tasks"]}


def test_artifacts_are_single_files_below_the_workflow(template: Document) -> None:
    """Argo overwrites: nothing of the record is written by it. Its GCS driver lists by raw prefix."""
    keys = [a["gcs"]["key"] for pod in pods(template) for a in pod.get("outputs", {}).get("artifacts", [])]
    assert keys and all(key.startswith("argo/{{workflow.name}}/{{inputs.parameters.run-id}}/") for key in keys)
    assert all(re.search(r"\.(html|json)$", key) for key in keys)
    assert not [(a, b) for a in keys for b in keys if a != b and b.startswith(a)]
    archives = [a["archive"] for pod in pods(template) for a in pod.get("outputs", {}).get("artifacts", [])]
    assert all(archive == {"none": {}} for archive in archives)


def test_locks_are_lists(template: Document) -> None:
    """The singular fields are gone from Argo 4."""
    locks = [each for each in (*template["spec"]["templates"], template["spec"]) if "synchronization" in each]
    assert all(each["synchronization"].keys() <= {"mutexes", "semaphores"} for each in locks)


def test_labels_are_valid(template: Document) -> None:
    found = [template["metadata"]["labels"], template["spec"].get("workflowMetadata", {}).get("labels", {})]
    found += [pod["metadata"]["labels"] for pod in pods(template)]
    values = {"inputs.parameters.level": "12", "inputs.parameters.arm": "reinit"}
    values["workflow.parameters.run-id"] = "mnist-lenet300-0123456789ab"
    for labels in found:
        for value in labels.values():
            filled = TAG.sub(lambda tag: values[tag[2]], value)
            assert LABEL.fullmatch(filled), value


def test_nothing_lives_for_ever(template: Document) -> None:
    spec: dict[str, Any] = template["spec"]
    assert spec["podGC"]["strategy"] and spec["ttlStrategy"]["secondsAfterSuccess"]
    assert spec["onExit"] == "finish"
    metrics = [metric["name"] for metric in spec["metrics"]["prometheus"]]
    assert metrics == ["ticketsmith_workflows_total", "ticketsmith_workflow_seconds"]
    labels = [label["key"] for metric in spec["metrics"]["prometheus"] for label in metric["labels"]]
    assert set(labels) == {"kind", "status"}  # a run id would make a series of every run
