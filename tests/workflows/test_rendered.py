"""The committed templates are those that are rendered, and Argo's own schema knows every field of them."""

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ticketsmith import __version__
from ticketsmith_workflows.__main__ import main

from .conftest import LOADER, RENDERED, Document, pods, read


def test_committed_templates_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(RENDERED), "--check"]) == 0, capsys.readouterr().err


def test_a_stale_a_missing_and_a_foreign_file_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(tmp_path)]) == 0
    assert main(["render", str(tmp_path), "--check"]) == 0
    stale = tmp_path / "t4" / "imp.yaml"
    stale.write_text(stale.read_text().replace("image: ", "image: other/"))
    (tmp_path / "t4" / "old.yaml").write_text("kind: WorkflowTemplate\n")
    (tmp_path / "l4" / "imp.yaml").unlink()
    assert main(["render", str(tmp_path), "--check"]) == 2
    said = capsys.readouterr().err
    assert all(name in said for name in ("t4/imp.yaml", "t4/old.yaml", "l4/imp.yaml", "fix: "))
    assert "l4/train.yaml" not in said


def test_the_name_carries_profile_and_version(template: Document, request: pytest.FixtureRequest) -> None:
    profile, kind = request.node.callspec.id.split("/")
    assert template["metadata"]["name"] == f"ticketsmith-{kind}-{profile}-v{__version__.replace('.', '-')}"
    assert template["metadata"]["labels"]["ticketsmith.dev/profile"] == profile


def test_one_profile_is_printed_with_the_image_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["print", "--profile", "l4", "--image", "there/runner@sha256:1"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {each["metadata"]["labels"]["ticketsmith.dev/profile"] for each in printed} == {"l4"}
    assert {pod["container"]["image"] for each in printed for pod in pods(each)} == {"there/runner@sha256:1"}


@pytest.fixture(scope="session")
def validator() -> Any:
    """Argo's own schema for a WorkflowTemplate, where its CRDs are at hand."""
    if not (folder := os.environ.get("TICKETSMITH_TEST_CRDS")):
        pytest.skip("no Argo CRDs: give the folder of its full CRDs as TICKETSMITH_TEST_CRDS")
    from jsonschema import Draft7Validator

    text = (Path(folder) / "argoproj.io_workflowtemplates.yaml").read_text()
    crd = yaml.load(text, LOADER)
    schema = strict(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {}  # Kubernetes' own
    return Draft7Validator(schema)


def test_the_full_schema_knows_every_field(template: Document, validator: Any) -> None:
    assert [f"{'/'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(template)] == []


def test_the_schema_check_sees_a_typo(validator: Any) -> None:
    typo = deepcopy(read(RENDERED / "t4" / "imp.yaml"))
    typo["spec"]["templates"][0]["pendingTimeOut"] = "1m"
    assert list(validator.iter_errors(typo))


def strict(schema: Any) -> Any:
    """A CRD's schema as JSON schema, closed to fields that it does not name: a server would drop them."""
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    closed = {key: strict_each(key, value) for key, value in schema.items() if not key.startswith("x-")}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


def strict_each(key: str, value: Any) -> Any:
    if key == "properties":
        return {name: strict(each) for name, each in value.items()}
    if key in ("allOf", "anyOf", "oneOf"):
        return [strict(each) for each in value]
    return strict(value) if key in ("items", "additionalProperties") else value
