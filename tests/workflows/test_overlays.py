"""Each overlay builds: a namespace with restricted pods, its templates, and two identities that may do very little."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from .conftest import LOADER, Document, pods

OVERLAYS = sorted((Path(__file__).parents[2] / "argo" / "overlays").iterdir())
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
    bound = {binding["roleRef"]["name"] for binding in of_kind(built, "RoleBinding").values()}
    assert bound == {"ticketsmith-executor"}  # the runner's identity may do nothing


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


def test_the_component_mounts_data_in_every_pod_read_only(tmp_path: Path) -> None:
    folder = OVERLAYS[0].parents[1]
    overlay = {
        "resources": [os.path.relpath(folder / "overlays" / "local", tmp_path.resolve())],
        "components": [os.path.relpath(folder / "components" / "data", tmp_path.resolve())],
    }
    (tmp_path / "kustomization.yaml").write_text(json.dumps(overlay))
    argv = ["kubectl", "kustomize", "--load-restrictor=LoadRestrictionsNone", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    documents = list(yaml.load_all(done.stdout, LOADER))
    assert of_kind(documents, "ConfigMap")["ticketsmith-environment"]["data"] == {"TICKETSMITH_DATA_ROOT": "/data"}
    for template in of_kind(documents, "WorkflowTemplate").values():
        (mount,), (volume,) = (
            template["spec"]["templateDefaults"]["container"]["volumeMounts"],
            template["spec"]["volumes"],
        )
        assert (mount["name"], mount["mountPath"], mount["readOnly"]) == (volume["name"], "/data", True)
