"""From templates to YAML. Hera drops the fields that it does not know without a word, so those are added last."""

from collections.abc import Iterator
from typing import Any

import yaml

from ticketsmith.hardware import PROFILES

from . import benchmark, imp, sweep, train

BUILD = {"imp": imp.build, "train": train.build, "benchmark": benchmark.build, "sweep": sweep.build}
HEAD = "# Rendered by `make render`: do not edit.\n"
# New in Argo 4.1, unknown to Hera 7.1: how long a pod may wait for a machine before the attempt fails.
PENDING = {"chain": "45m", "benchmark": "45m", "gate": "15m", "report": "15m"}


def render() -> Iterator[tuple[str, str]]:
    """Every file below `argo/base/rendered`: its path and its text."""
    for profile in PROFILES:
        for name in BUILD:
            yield f"{profile}/{name}.yaml", HEAD + _text(document(name, profile))
        files = {"resources": [f"{name}.yaml" for name in BUILD]}
        kind = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        yield f"{profile}/kustomization.yaml", HEAD + _text(kind | files)


def document(name: str, profile: str, image: str | None = None) -> dict[str, Any]:
    """One template as a document. Raises KeyError for a pod whose name PENDING does not know."""
    rendered: dict[str, Any] = BUILD[name](PROFILES[profile]).to_dict()
    for template in rendered["spec"]["templates"]:
        if "container" in template:
            template["pendingTimeout"] = PENDING[template["name"]]
            if image:
                template["container"]["image"] = image
    return rendered


def _text(document: dict[str, Any]) -> str:
    return str(yaml.safe_dump(document, sort_keys=False, width=10**6))
