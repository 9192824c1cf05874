"""The template as a whole: identities, limits, locks, labels; and the controls that the method knows."""

import json
import re
from collections.abc import Iterator
from typing import Any

from ticketsmith.lottery.controls import CONTROLS

from ..container import IMAGE_USER

Document = dict[str, Any]
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
TAG = re.compile(r"\{\{.*?\}\}")
RUN = "mnist-lenet300-0123456789ab"
"""As long as a run id gets; fills the tags of a label."""
DATA, DATA_ROOT = ("persistentVolumeClaim", "csi"), "/data"
"""Volumes that data may come from, and where it is mounted."""
CONFINED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def problems(document: Document) -> Iterator[str]:
    """Problems of the template above its parts."""
    spec = document["spec"]
    yield from _identity(spec)
    yield from _ends(spec)
    yield from _locks(spec)
    yield from _labels(document)
    yield from _controls(spec)
    yield from _mount(spec)
    for template in spec["templates"]:
        if {"script", "containerSet", "data"} & template.keys():
            yield f"{template['name']}: a source of its own, where a value could become code"
        if "container" not in template and {"activeDeadlineSeconds", "timeout"} & template.keys():
            yield f"{template['name']}: Argo refuses a time limit on steps and tasks"


def _identity(spec: Document) -> Iterator[str]:
    context = spec.get("securityContext", {})
    if not context.get("runAsNonRoot") or context.get("runAsUser") != IMAGE_USER:
        yield "pods do not run as the image's user"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "pods have no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "pods get a token of Kubernetes"
    if spec.get("executor", {}).get("serviceAccountName") in (None, spec.get("serviceAccountName")):
        yield "runner and executor have one identity"
    patch = json.loads(spec.get("podSpecPatch", "{}"))
    own = {
        container["name"]: container for container in (*patch.get("initContainers", []), *patch.get("containers", []))
    }
    if {name: container.get("securityContext") for name, container in own.items()} != {
        "init": CONFINED,
        "wait": CONFINED,
    }:
        yield "Argo's own containers are only as confined as its configuration says"
    for name, container in own.items():
        if any(
            {"cpu", "memory"} - container.get("resources", {}).get(kind, {}).keys() for kind in ("requests", "limits")
        ):
            yield f"Argo's own container {name} has no requests or limits, which a quota demands of each"


def _ends(spec: Document) -> Iterator[str]:
    if not spec.get("activeDeadlineSeconds"):
        yield "nothing ends the workflow"
    if not spec.get("podGC", {}).get("strategy") or not spec.get("ttlStrategy", {}).get("secondsAfterSuccess"):
        yield "pods or workflows are kept for ever"
    if spec.get("onExit") != "finish":
        yield "no report is written when it ends"


def _locks(spec: Document) -> Iterator[str]:
    for holder in (spec, *spec["templates"]):
        if not holder.get("synchronization", {}).keys() <= {"mutexes", "semaphores"}:
            yield f"{holder.get('name', 'spec')}: the singular fields of synchronization are gone from Argo 4"


def _labels(document: Document) -> Iterator[str]:
    spec = document["spec"]
    groups = [document["metadata"].get("labels", {}), spec.get("workflowMetadata", {}).get("labels", {})]
    groups += [template.get("metadata", {}).get("labels", {}) for template in spec["templates"]]
    for key, value in (item for labels in groups for item in labels.items()):
        if not LABEL.fullmatch(TAG.sub(RUN, value)):
            yield f"label {key}: {value!r} may not be valid"
    for metric in spec.get("metrics", {}).get("prometheus", []):
        if odd := {label["key"] for label in metric["labels"]} - {"kind", "status"}:
            yield f"metric {metric['name']}: {', '.join(sorted(odd))} makes a series of every run"


def _controls(spec: Document) -> Iterator[str]:
    for template in spec["templates"]:
        outputs = {output["name"] for output in template.get("outputs", {}).get("parameters", [])}
        tasks = {task["name"] for task in template.get("dag", {}).get("tasks", [])}
        there = {"chain": outputs, "controls": tasks}.get(template["name"], set(CONTROLS))
        if missing := set(CONTROLS) - there:
            yield f"{template['name']}: the controls {', '.join(sorted(missing))} are missing"


def _mount(spec: Document) -> Iterator[str]:
    """One volume may be there beside the scratch of each pod: data that can only be read (argo/components/data)."""
    volumes, defaults = spec.get("volumes") or [], spec.get("templateDefaults") or {}
    mounts = defaults.get("container", {}).get("volumeMounts") or []
    for volume in volumes:
        (kind, source), *_ = ((key, value) for key, value in volume.items() if key != "name")
        if kind not in DATA or source.get("readOnly") is not True:
            yield f"it has the volume {volume['name']}, which is not one that can only be read"
    for mount in mounts:
        if mount.get("readOnly") is not True or mount.get("mountPath") != DATA_ROOT:
            yield f"it mounts {mount['name']} at {mount.get('mountPath')}, and not read-only at {DATA_ROOT}"
    if len(volumes) > 1 or sorted(volume["name"] for volume in volumes) != sorted(mount["name"] for mount in mounts):
        yield "it has another volume than the one that is mounted"
    if defaults and set(defaults) | set(defaults.get("container", {})) != {"container", "volumeMounts"}:
        yield "its templateDefaults say more than where data is mounted"
