"""From templates to YAML. Hera drops the fields that it does not know without a word, so those are added last."""

from collections.abc import Iterator
from typing import Any

import yaml

from ticketsmith.hardware import PROFILES

from . import benchmark, imp, sweep, train

BUILD = {"imp": imp.build, "train": train.build, "benchmark": benchmark.build, "sweep": sweep.build}
HEAD = "# Rendered by `make render`: do not edit.\n"
# A node's title in Argo's interface, which shows no inputs: without it, every round looks alike.
TITLES = {
    "chain": "level-{{inputs.parameters.level}}-{{inputs.parameters.arm}}",
    **{name: f"level-{{{{inputs.parameters.level}}}}-{name}" for name in ("gate", "benchmark", "round")},
}


def render() -> Iterator[tuple[str, str]]:
    """Every file below `argo/base/rendered`: its path and its text."""
    for profile in PROFILES:
        for name in BUILD:
            yield f"{profile}/{name}.yaml", HEAD + _text(document(name, profile))
        files = {"resources": [f"{name}.yaml" for name in BUILD]}
        kind = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        yield f"{profile}/kustomization.yaml", HEAD + _text(kind | files)


def document(name: str, profile: str, image: str | None = None) -> dict[str, Any]:
    """One template as a document."""
    rendered: dict[str, Any] = BUILD[name](PROFILES[profile]).to_dict()
    for template in rendered["spec"]["templates"]:
        if title := TITLES.get(template["name"]):
            template["annotations"] = {"workflows.argoproj.io/display-name": title}
        if image and "container" in template:
            template["container"]["image"] = image
    return rendered


def _text(document: dict[str, Any]) -> str:
    return str(yaml.safe_dump(document, sort_keys=False, width=10**6))
