"""`lint` finds nothing wrong with any template that is rendered, and finds every defect that is planted."""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import yaml

from ticketsmith.hardware import PROFILES, Profile
from ticketsmith_workflows.__main__ import main
from ticketsmith_workflows.lint import lint
from ticketsmith_workflows.render import document

from .conftest import RENDERED, Document, pods


def test_nothing_is_wrong_with_what_is_committed(template: Document, profile: Profile) -> None:
    assert list(lint(template, profile)) == []


@pytest.fixture
def profile(request: pytest.FixtureRequest) -> Profile:
    return PROFILES[request.node.callspec.id.partition("/")[0]]


def part(document: Document, name: str) -> Document:
    found: Document = next(each for each in document["spec"]["templates"] if each["name"] == name)
    return found


def arguments(document: Document) -> list[str]:
    found: list[str] = part(document, "chain")["container"]["args"]
    return found


def task(document: Document, name: str) -> Document:
    found: Document = next(each for each in part(document, "round")["dag"]["tasks"] if each["name"] == name)
    return found


def put(document: Document, path: str, value: Any) -> None:
    """Set, or with None delete, one field: `chain/container/image`; `spec/…` for the template as a whole."""
    first, *way, last = path.split("/")
    node = document["spec"] if first == "spec" else part(document, first)
    for name in way:
        node = node[int(name) if isinstance(node, list) else name]
    if value is None:
        del node[last]
    else:
        node[last] = value


CLAIM = {"name": "data", "persistentVolumeClaim": {"claimName": "x", "readOnly": True}}


def mounted(**changes: Any) -> Document:
    mount = {"name": "data", "mountPath": "/data", "readOnly": True} | changes
    return {"container": {"volumeMounts": [mount]}}


Plant = Callable[[Document], object]
DEFECTS: list[tuple[Plant, str]] = [
    (lambda d: arguments(d).append("--cohort={{workflow.parameters.cohrt}}"), "workflow.parameters.cohrt is not known"),
    (lambda d: arguments(d).append("--level={{inputs.parameters.round}}"), "inputs.parameters.round is not known"),
    (lambda d: arguments(d).append("--level={{inputs.parameters.level}"), "braces do not match"),
    (lambda d: arguments(d).append("--level={{status}}"), "status is not known"),
    (lambda d: arguments(d).append("--level={{item.level}}"), "item.level is not known"),
    (lambda d: put(d, "chain/podSpecPatch", """{{='{"a":{"b":1}}'}}"""), "end the tag"),
    (lambda d: put(d, "round/outputs/parameters/0/valueFrom/expression", "tasks['gat'].outputs.x"), "tasks.gat"),
    (lambda d: task(d, "next-round").update(when="{{tasks.gate.outputs.parameters.nextt}}"), "parameters.nextt"),
    (lambda d: task(d, "controls").update(dependencies=[]), "tasks.ticket.outputs.parameters.reinit is not known"),
    (lambda d: task(d, "gate")["arguments"]["parameters"].pop(), "gate does not give level to gate"),
    (lambda d: task(d, "gate")["arguments"]["parameters"].append({"name": "x", "value": "1"}), "gives x"),
    (lambda d: task(d, "gate").update(template="gates"), "gates, which is not there"),
    (lambda d: put(d, "chain/script", {"source": "print('{{inputs.parameters.arm}}')"}), "could become code"),
    (lambda d: put(d, "chain/container/command", ["sh", "-c"]), "not the runner's"),
    (lambda d: put(d, "chain/container/env", [{"name": "A", "value": "{{inputs.parameters.arm}}"}]), "environment"),
    (lambda d: arguments(d).extend(["--arm", "{{inputs.parameters.arm}}"]), "value in one argument"),
    (lambda d: arguments(d).append("--learning-rate=0.1"), "one of the runner's flags"),
    (lambda d: put(d, "chain/container/securityContext/readOnlyRootFilesystem", False), "readOnlyRootFilesystem"),
    (lambda d: put(d, "chain/container/securityContext/allowPrivilegeEscalation", None), "allowPrivilegeEscalation"),
    (lambda d: put(d, "chain/container/securityContext/capabilities", None), "capabilities"),
    (lambda d: put(d, "chain/container/securityContext/runAsUser", 0), "another user"),
    (lambda d: part(d, "chain")["volumes"].append({"name": "host", "hostPath": {"path": "/"}}), "mounts host"),
    (lambda d: put(d, "spec/volumes", [{"name": "x", "hostPath": {"path": "/"}}]), "not one that can only be read"),
    (lambda d: put(d, "spec/volumes", [CLAIM]), "another volume than the one that is mounted"),
    (lambda d: put(d, "spec/volumes", [{"name": "data", "nfs": {"path": "/"}}]), "not one that can only be read"),
    (lambda d: put(d, "spec/templateDefaults", mounted(mountPath="/opt")), "not read-only at /data"),
    (lambda d: put(d, "spec/templateDefaults", mounted(readOnly=False)), "not read-only at /data"),
    (lambda d: put(d, "spec/templateDefaults", {"container": {"env": []}}), "say more than"),
    (lambda d: put(d, "chain/container/resources/limits/memory", None), "limits of cpu and memory"),
    (lambda d: put(d, "chain/container/resources/requests/cpu", "1m"), "limits of cpu and memory"),
    (lambda d: put(d, "chain/activeDeadlineSeconds", None), "activeDeadlineSeconds is missing"),
    (lambda d: put(d, "benchmark/pendingTimeout", "45m"), "pendingTimeout ends the wait for a lock"),
    (lambda d: put(d, "chain/timeout", "45m"), "timeout ends the wait for a lock"),
    (lambda d: put(d, "spec/podSpecPatch", d["spec"]["podSpecPatch"].replace("memory", "m")), "which a quota demands"),
    (lambda d: part(d, "chain")["container"]["resources"]["limits"].update({"nvidia.com/gpu": "2"}), "of GPUs"),
    (lambda d: put(d, "chain/nodeSelector", None), "nodeSelector"),
    (lambda d: put(d, "gate/nodeSelector", {"cloud.google.com/gke-accelerator": "nvidia-l4"}), "nodeSelector"),
    (lambda d: part(d, "benchmark")["tolerations"].pop(), "tolerations"),
    (lambda d: put(d, "gate/tolerations", [{"key": "nvidia.com/gpu", "operator": "Exists"}]), "tolerates taints"),
    (lambda d: put(d, "chain/synchronization/semaphores/0/configMapKeyRef/key", "gpu-l4"), "budget"),
    (lambda d: put(d, "chain/podSpecPatch", None), "spot first"),
    (lambda d: put(d, "chain/retryStrategy/expression", "true"), "not tried again as"),
    (lambda d: put(d, "chain/retryStrategy/backoff/maxDuration", "1h"), "kills an attempt"),
    (lambda d: put(d, "gate/outputs/parameters/0/valueFrom/default", None), "has no default"),
    (
        lambda d: put(d, "report/outputs/artifacts/0/gcs/key", "{{workflow.parameters.run-id}}/report"),
        "of its own pod",
    ),
    (lambda d: put(d, "report/outputs/artifacts/0/archive", None), "is an archive"),
    (lambda d: put(d, "spec/securityContext/runAsUser", 0), "image's user"),
    (lambda d: put(d, "spec/securityContext/seccompProfile", None), "seccomp"),
    (lambda d: put(d, "spec/automountServiceAccountToken", None), "token of Kubernetes"),
    (lambda d: put(d, "spec/executor/serviceAccountName", "ticketsmith-runner"), "one identity"),
    (lambda d: put(d, "spec/podSpecPatch", None), "Argo's own containers"),
    (lambda d: put(d, "spec/activeDeadlineSeconds", None), "nothing ends"),
    (lambda d: put(d, "spec/podGC", None), "kept for ever"),
    (lambda d: put(d, "spec/onExit", None), "no report"),
    (lambda d: put(d, "experiment/timeout", "1h"), "time limit on steps"),
    (lambda d: put(d, "chain/synchronization/mutex", {"name": "one"}), "singular"),
    (lambda d: put(d, "chain/metadata/labels", {"part": "a b"}), "'a b' may not be valid"),
    (lambda d: put(d, "spec/metrics/prometheus/0/labels/0/key", "run"), "series of every run"),
    (lambda d: part(d, "controls")["dag"]["tasks"].pop(1), "controls random are missing"),
]


@pytest.mark.parametrize(("plant", "said"), DEFECTS, ids=[said for _, said in DEFECTS])
def test_a_planted_defect_is_found(plant: Plant, said: str) -> None:
    broken = deepcopy(document("imp", "t4"))
    plant(broken)
    problems = list(lint(broken, PROFILES["t4"]))
    assert [each for each in problems if said in each], problems


def test_data_may_be_mounted_read_only_as_the_component_does(template: Document, profile: Profile) -> None:
    patched = deepcopy(template)
    for change in yaml.safe_load((RENDERED.parents[1] / "components" / "data" / "mount.yaml").read_text()):
        assert change["op"] == "add"
        put(patched, change["path"].removeprefix("/"), change["value"])
    assert patched != template and list(lint(patched, profile)) == []


def test_lint_says_where_and_ends_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint"]) == 0 and capsys.readouterr().out == ""
    monkeypatch.setattr("ticketsmith_workflows.container.CONFINED.read_only_root_filesystem", False)
    assert main(["lint", "--profile", "l4"]) == 2
    assert "l4/imp: chain: securityContext.readOnlyRootFilesystem is not True\n" in capsys.readouterr().out


def test_spot_first_then_any_machine(template: Document) -> None:
    for pod in (each for each in pods(template) if "podSpecPatch" in each):
        patch = re.search(r"\? '(.*?)' : '(.*?)'", pod["podSpecPatch"])
        assert patch and patch.groups() == ('{"nodeSelector":{"cloud.google.com/gke-spot":"true"} }', "{}")


def test_every_pod_is_repeated_after_a_preemption_and_never_after_a_bug(template: Document) -> None:
    for pod in pods(template):
        strategy = pod["retryStrategy"]
        repeated = [again(strategy["expression"], *case) for case in REPEATED]
        final = [again(strategy["expression"], *case) for case in FINAL]
        assert all(repeated) and not any(final)


REPEATED = [
    ("Failed", "75", "main: Error (exit code 75)"),
    ("Failed", "143", "main: Error (exit code 143)"),
    ("Failed", "137", "main: Error (exit code 137)"),
    ("Failed", "3", "main: Error (exit code 3)"),
    ("Failed", "3", "main: Error (exit code 3): error: the bucket: 403 forbidden, deadline exceeded"),  # of our own
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
    ("Failed", "4", "main: Error (exit code 4): error: the pod was rejected, or Evicted"),  # words of our own
    ("Error", "", 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'),
]


def again(expression: str, status: str, code: str, message: str) -> bool:
    """The retry expression for one attempt, translated to Python: expr-lang's `matches` is a search."""

    def matches(found: re.Match[str]) -> str:
        return repr(bool(re.search(found[1], message)))

    text = re.sub(r"lastRetry\.message matches '([^']*)'", matches, expression)
    text = text.replace("lastRetry.exitCode", repr(code)).replace("lastRetry.status", repr(status))
    text = text.replace("||", "or").replace("&&", "and")
    assert re.fullmatch(r"[\w\s'(),\[\]=]*", text), text
    return bool(eval(text))
