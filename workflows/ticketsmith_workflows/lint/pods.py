"""Pods: confined, limited in size and time, on the machine of the profile, and never a shell."""

import re
from collections.abc import Iterator
from typing import Any

from ticketsmith.hardware import CPU, Hardware, Profile

from ..container import IMAGE_USER
from ..retry import ATTEMPTS, EXPRESSION

Document = dict[str, Any]
TOLD = {"cohort", "level", "arm", "kinds", "spec", "store", "outputs", "workers"}
"""Arguments a pod may have: its place in the experiment; of the method it learns from the spec."""
FLAG = re.compile(r"--([a-z-]+)=.+", re.DOTALL)
TAINTS = {"nvidia.com/gpu", "cloud.google.com/gke-spot"}


def problems(pod: Document, profile: Profile) -> Iterator[str]:
    """Problems of one template of one container."""
    hardware = {"chain": profile.train, "benchmark": profile.benchmark}.get(pod["name"], CPU)
    yield from _command(pod["container"])
    yield from _confinement(pod)
    yield from _limits(pod)
    yield from _machine(pod, hardware)
    yield from _retry(pod)
    yield from _outputs(pod)


def _command(container: Document) -> Iterator[str]:
    command, *flags = container["args"]
    if container["command"] != ["python", "-P", "-m", "ticketsmith_runner"] or command not in ("step", "report"):
        yield "its command is not the runner's"
    if "env" in container:
        yield "it is told something in its environment"
    for flag in flags:
        match = FLAG.fullmatch(flag)
        if match is None or match[1] not in TOLD:
            yield f"{flag!r} is not one of the runner's flags with its value in one argument"


def _confinement(pod: Document) -> Iterator[str]:
    context = pod["container"].get("securityContext", {})
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True}
    for key, value in wanted.items():
        if context.get(key) is not value:
            yield f"securityContext.{key} is not {value}"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "it keeps capabilities"
    if context.get("runAsUser", IMAGE_USER) != IMAGE_USER:
        yield "it runs as another user than the image's"
    if others := [volume["name"] for volume in pod.get("volumes", []) if "emptyDir" not in volume]:
        yield f"it mounts {', '.join(others)}"


def _limits(pod: Document) -> Iterator[str]:
    resources = pod["container"].get("resources", {})
    if not {"cpu", "memory"} <= resources.get("limits", {}).keys() or resources["limits"] != resources.get("requests"):
        yield "limits of cpu and memory are missing, or are not what it requests"
    if not pod.get("activeDeadlineSeconds"):
        yield "activeDeadlineSeconds is missing"
    for field in {"pendingTimeout", "timeout"} & pod.keys():  # docs/argo.md
        yield f"{field} ends the wait for a lock, and no wait for a machine where attempts are repeated"


def _machine(pod: Document, hardware: Hardware) -> Iterator[str]:
    """Without the selector it may land on another GPU, without the toleration on none."""
    gpu = hardware.accelerator
    if pod["container"].get("resources", {}).get("limits", {}).get("nvidia.com/gpu") != ("1" if gpu else None):
        yield "its number of GPUs is not the profile's"
    if pod.get("nodeSelector") != ({"cloud.google.com/gke-accelerator": gpu} if gpu else None):
        yield "its nodeSelector is not the profile's"
    if {toleration["key"] for toleration in pod.get("tolerations", [])} != (TAINTS if gpu else set()):
        yield "its tolerations are not those of a GPU" if gpu else "it tolerates taints"
    budgets = [
        semaphore["configMapKeyRef"]["key"] for semaphore in pod.get("synchronization", {}).get("semaphores", [])
    ]
    if budgets != ([f"gpu-{hardware.name}"] if gpu else []):
        yield "its semaphore is not the budget of its GPU"
    if ("podSpecPatch" in pod) != bool(gpu):
        yield "spot first is for GPUs"


def _retry(pod: Document) -> Iterator[str]:
    strategy = pod.get("retryStrategy", {})
    if strategy.get("expression") != EXPRESSION or strategy.get("limit") != ATTEMPTS:
        yield "it is not tried again as the others are"
    if "maxDuration" in strategy.get("backoff", {}):
        yield "backoff.maxDuration kills an attempt that runs"


def _outputs(pod: Document) -> Iterator[str]:
    for output in pod.get("outputs", {}).get("parameters", []):
        if not output["valueFrom"].get("default"):
            yield f"output {output['name']} has no default: what refers to it hangs if the pod failed"
    artifacts = pod.get("outputs", {}).get("artifacts", [])
    keys = [artifact.get("gcs", {}).get("key", "") for artifact in artifacts]
    for artifact, key in zip(artifacts, keys, strict=True):
        if not re.fullmatch(r"argo/\{\{workflow\.name\}\}/\{\{pod\.name\}\}/[\w.]+\.(html|json|png)", key):
            yield f"artifact {artifact['name']} is not one file of its own pod: another could not replace it"
        if artifact.get("archive") != {"none": {}}:
            yield f"artifact {artifact['name']} is an archive: the user interface cannot show it"
    if any(a != b and b.startswith(a) for a in keys for b in keys):
        yield "the key of one artifact begins with another's"
