"""Each overlay builds: a namespace with restricted pods, its templates, and two identities that may do very little."""

import json
import os
import re
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml
from lightkube.models.networking_v1 import NetworkPolicy

from .conftest import LOADER, Document, pods

OVERLAYS = sorted((Path(__file__).parents[2] / "argo" / "overlays").iterdir())
COMPONENTS = Path(__file__).parents[2] / "argo" / "components"
DOCS = Path(__file__).parents[2] / "docs" / "cluster.md"
pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on PATH")


@pytest.fixture(scope="module", params=OVERLAYS, ids=lambda path: path.name)
def built(request: pytest.FixtureRequest) -> list[Document]:
    done = subprocess.run(["kubectl", "kustomize", str(request.param)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return list(yaml.load_all(done.stdout, LOADER))


def of_kind(built: list[Document], kind: str) -> dict[str, Document]:
    return {each["metadata"]["name"]: each for each in built if each["kind"] == kind}


def test_everything_lies_in_the_one_restricted_namespace(built: list[Document]) -> None:
    ((name, namespace),) = of_kind(built, "Namespace").items()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {each["metadata"].get("namespace") for each in built if each["kind"] != "Namespace"} == {name}
    for binding in of_kind(built, "RoleBinding").values():
        assert [subject["namespace"] for subject in binding["subjects"]] == [name]


def test_nobody_may_more_than_needed(built: list[Document]) -> None:
    roles = of_kind(built, "Role")
    assert roles["ticketsmith-executor"]["rules"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    ]
    rules = [rule for role in roles.values() for rule in role["rules"]]
    assert not [rule for rule in rules if "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])]
    assert not [rule for rule in rules if {"secrets", "pods/exec"} & set(rule["resources"])]
    maps = [rule for rule in rules if "configmaps" in rule["resources"]]
    assert [(rule["resourceNames"], rule["verbs"]) for rule in maps] == [(["ticketsmith-limits"], ["get"])]
    bindings = of_kind(built, "RoleBinding").values()
    bound = {(each["roleRef"]["name"], who["name"]) for each in bindings for who in each["subjects"]}
    alike = {(name, name) for name in ("ticketsmith-executor", "ticketsmith-user")}
    assert bound == alike  # the runner's identity may do nothing


def test_what_templates_name_is_there(built: list[Document]) -> None:
    templates, accounts, maps = (of_kind(built, kind) for kind in ("WorkflowTemplate", "ServiceAccount", "ConfigMap"))
    assert len(templates) == 4
    for template in templates.values():
        spec = template["spec"]
        executor = spec["executor"]["serviceAccountName"]
        assert {spec["serviceAccountName"], executor} <= accounts.keys()
        assert f"{executor}.service-account-token" in of_kind(built, "Secret")
        assert spec["artifactRepositoryRef"]["key"] in maps[spec["artifactRepositoryRef"]["configMap"]]["data"]
        for pod in pods(template):
            for semaphore in pod.get("synchronization", {}).get("semaphores", []):
                budget = semaphore["configMapKeyRef"]
                assert int(maps[budget["name"]]["data"][budget["key"]]) > 0


def test_one_image_with_a_registry(built: list[Document]) -> None:
    templates = of_kind(built, "WorkflowTemplate").values()
    (image,) = {pod["container"]["image"] for template in templates for pod in pods(template)}
    assert image.count("/") >= 2 and image.endswith("/ticketsmith/runner:0.1.0")


def kustomized(folder: Path, component: Path) -> list[Document]:
    """The overlay `local` with a component, built in `folder`."""
    overlay = {
        "resources": [os.path.relpath(OVERLAYS[0].parent / "local", folder.resolve())],
        "components": [os.path.relpath(component, folder.resolve())],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(overlay))
    argv = ["kubectl", "kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return list(yaml.load_all(done.stdout, LOADER))


def test_the_component_mounts_data_in_every_pod_read_only(tmp_path: Path) -> None:
    documents = kustomized(tmp_path, COMPONENTS / "data")
    assert of_kind(documents, "ConfigMap")["ticketsmith-environment"]["data"] == {"TICKETSMITH_DATA_ROOT": "/data"}
    for template in of_kind(documents, "WorkflowTemplate").values():
        (mount,), (volume,) = (
            template["spec"]["templateDefaults"]["container"]["volumeMounts"],
            template["spec"]["volumes"],
        )
        assert (mount["name"], mount["mountPath"], mount["readOnly"]) == (volume["name"], "/data", True)


def test_the_component_shuts_pods_of_runs_off(tmp_path: Path) -> None:
    """Each field is one of Kubernetes' own; they reach names, the API server, the bucket, and who they are."""
    shutil.copytree(COMPONENTS / "network", tmp_path / "network")
    (file := tmp_path / "network" / "policy.yaml").write_text(file.read_text().replace("API_SERVER", "10.0.0.2"))
    ((name, policy),) = of_kind(kustomized(tmp_path, tmp_path / "network"), "NetworkPolicy").items()
    assert NetworkPolicy.from_dict(policy).to_dict() == policy and name == "ticketsmith-pods"
    spec = policy["spec"]
    selected = [{"key": "workflows.argoproj.io/workflow", "operator": "Exists"}]
    assert spec["podSelector"] == {"matchExpressions": selected}, "pods of runs alone"
    assert (sorted(spec["policyTypes"]), spec["ingress"]) == (["Egress", "Ingress"], [])
    for address, port in (("10.0.0.2", 443), ("199.36.153.5", 443), ("169.254.169.252", 988), ("169.254.20.10", 53)):
        assert reached(spec, address, port), address
    for address, port in (("10.0.0.3", 443), ("8.8.8.8", 53), ("142.250.1.1", 443), ("199.36.153.5", 80)):
        assert not reached(spec, address, port), address


def filled_in(folder: Path, addresses: str) -> Path:
    """The policy after the commands of docs/cluster.md, where `kubectl` answers with these addresses."""
    shutil.copytree(COMPONENTS / "network", folder / "argo" / "components" / "network")
    (commands,) = re.findall(r"^for API in .*?API_SERVER/d [^\n]*$", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    script = f"kubectl() {{ echo {addresses}; }}\n{commands}"
    done = subprocess.run(["bash", "-uc", script], cwd=folder, check=False, timeout=30)
    assert (done.returncode == 0) is bool(addresses)
    return folder / "argo" / "components" / "network" / "policy.yaml"


def test_each_address_of_the_api_server_is_let_through(tmp_path: Path) -> None:
    """Two control planes, and one that IPv6 leads to."""
    (policy,) = yaml.load_all(filled_in(tmp_path, "10.0.0.2 10.0.0.9 fd00::9").read_text(), LOADER)
    for address in ("10.0.0.2", "10.0.0.9", "fd00::9"):
        assert reached(policy["spec"], address, 6443), address
    for address in ("10.0.0.3", "fd00::a"):
        assert not reached(policy["spec"], address, 443), address


def test_an_api_server_that_tells_no_address_leaves_a_policy_that_is_refused(tmp_path: Path) -> None:
    """As on the cluster of `make e2e`. A rule with nobody in it would be a rule for everybody."""
    assert "cidr: API_SERVER/32" in filled_in(tmp_path, "").read_text()


def reached(spec: Document, address: str, port: int) -> bool:
    """True if a rule lets TCP to that address through. One without an address, or without ports, would be for any."""
    for rule in spec["egress"]:
        assert rule["to"] and rule["ports"]
        blocks = [ip_network(each["ipBlock"]["cidr"]) for each in rule["to"] if "ipBlock" in each]
        ports = {each["port"] for each in rule["ports"] if each["protocol"] == "TCP"}
        if port in ports and any(ip_address(address) in block for block in blocks):
            return True
    return False


def test_an_address_that_nobody_filled_in_is_none() -> None:
    """As it comes, an API server refuses it: it does not quietly shut pods off from what they report to."""
    (policy,) = yaml.load_all((COMPONENTS / "network" / "policy.yaml").read_text(), LOADER)
    blocks = [each["ipBlock"]["cidr"] for rule in policy["spec"]["egress"] for each in rule["to"] if "ipBlock" in each]
    (open_one,) = (block for block in blocks if "API_SERVER" in block)
    with pytest.raises(ValueError, match="API_SERVER"):
        ip_network(open_one)
