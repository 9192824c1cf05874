"""Checks of `ticketsmith doctor` of what lies around the templates, as the Kubernetes API tells it."""

import re
from collections.abc import Iterator
from typing import Any

from ..argo import Argo, Document, Missing
from ..errors import Denied, UsageError
from ..hardware import PROFILES, Hardware, Profile
from ..yaml12 import read_yaml
from .diagnosis import Advice, Unknown

UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
UNITS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
QUANTITY = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)((?:[eE][+-]?[0-9]+)?)([numkKMGTPE]?i?)")
OBJECTS = (
    "serviceaccounts/ticketsmith-runner",
    "serviceaccounts/ticketsmith-executor",
    "configmaps/artifact-repositories",
    "configmaps/ticketsmith-limits",
)
OVERLAY = "`kubectl apply --server-side -k argo/overlays/...` makes it"
PULLED = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")
GPU = "cloud.google.com/gke-accelerator"


def quota(argo: Argo) -> str:
    """Limits on pods that run at a time; and quotas, of which no more may be used than there is."""
    limits = _seen(argo, "configmaps/ticketsmith-limits").get("data") or {}
    told, over = [f"{name}: {limit}" for name, limit in limits.items()], []
    for item in _seen(argo, "resourcequotas").get("items") or []:
        used, hard = item["status"].get("used", {}), item["status"].get("hard", {})
        for name in hard:
            told.append(f"{item['metadata']['name']} {name}: {used.get(name, '0')} of {hard[name]}")
            over += [told[-1]] if number(used.get(name, "0")) > number(hard[name]) else []
    if over:
        raise UsageError(
            f"more is used than allowed, no pod can start: {', '.join(over)}",
            f"`kubectl -n {argo.namespace} describe quota`; free what is used, or have it raised",
        )
    return ", ".join(told) or "no limits"


def objects(argo: Argo) -> str:
    """The accounts of pods, where logs go, and how many GPUs may be held."""
    for path in OBJECTS:
        document = _seen(argo, path)
        keys = {"ticketsmith"} if path.endswith("repositories") else set(_budgets(argo)) if "limits" in path else set()
        if missing := keys - (document.get("data") or {}).keys():
            raise UsageError(f"{path} has no {', '.join(sorted(missing))}", OVERLAY)
    return "accounts, artifact repository and limits are there"


def nodes(argo: Argo) -> str:
    """A node for each kind of machine that the installed profiles ask for."""
    ready = [node for node in _seen(argo, "nodes").get("items") or [] if _ready(node)]
    wanted = {
        (machine.accelerator, machine.cores): machine for profile in _installed(argo) for machine in _machines(profile)
    }
    lacking = [machine for machine in wanted.values() if not any(_fits(node, machine) for node in ready)]
    if lacking:
        machines = ", ".join(
            f"{machine.cores} cores and {machine.memory}, {machine.accelerator or 'no GPU'}" for machine in lacking
        )
        raise Unknown(f"no node has {machines}: a pool that grows from none brings one; without such a pool, pods wait")
    return f"{len(ready)} ready, with the machines of {', '.join(profile.name for profile in _installed(argo))}"


def image(argo: Argo) -> str:
    """The image of the templates, which pods had to pull, or failed to."""
    names = {name for template in argo.templates() for name in _images(template)}
    for pod in _seen(argo, "pods").get("items") or []:
        for container in pod["status"].get("containerStatuses") or []:
            waiting = container["state"].get("waiting") or {}
            if container["image"] in names and waiting.get("reason") in PULLED:
                raise UsageError(
                    f"{container['image']}: {waiting['reason']}: {waiting.get('message', '')}",
                    "push it, or name one that is there: `ticketsmith templates apply --profile PROFILE --image NAME`",
                )
    there = [node for node in _seen(argo, "nodes").get("items") or [] if names & set(_pulled(node))]
    if not there:
        raise Unknown(f"{', '.join(sorted(names))}: on no node yet; the first pod pulls it, and `status` tells")
    return f"{', '.join(sorted(names))}: on {', '.join(node['metadata']['name'] for node in there)}"


def restrictions(argo: Argo) -> str:
    """Nothing runs but the templates: without this, who may submit may run any image, and read secrets by it."""
    for namespace in dict.fromkeys((argo.namespace, "argo")):
        try:
            data = _seen(argo, "configmaps/workflow-controller-configmap", namespace).get("data") or {}
        except Missing:
            continue
        told = _mapping(data, "config") | data
        if _mapping(told, "workflowRestrictions").get("templateReferencing") in ("Strict", "Secure"):
            return "templates alone are run"
        raise Advice(
            "whoever may submit may run any image, and read the namespace's secrets by it",
            f"`workflowRestrictions: {{templateReferencing: Strict}}` in {namespace}'s ConfigMap "
            "workflow-controller-configmap, where no other workflows are run (docs/cluster.md)",
        )
    raise Unknown("the controller's ConfigMap is in none of the namespaces that were looked at")


def number(quantity: str) -> float:
    """A quantity of Kubernetes as a number.

    >>> number("1100m"), number("2Gi"), number("3")
    (1.1, 2147483648.0, 3.0)
    """
    match = QUANTITY.fullmatch(str(quantity))
    return float(match[1] + match[2]) * UNITS[match[3]] if match and match[3] in UNITS else float("inf")


def _mapping(settings: dict[str, Any], key: str) -> dict[str, Any]:
    """A section of the controller's settings, as text or as it was read; empty where there is none. Raises Unknown."""
    from yaml import YAMLError

    value = settings.get(key)
    try:
        section = (read_yaml(value.encode()) if isinstance(value, str) else value) or {}
    except (YAMLError, ValueError) as error:
        raise Unknown(f"{key} of workflow-controller-configmap: {' '.join(str(error).split())}") from error
    if not isinstance(section, dict):
        raise Unknown(f"{key} of workflow-controller-configmap has no settings: {str(section)[:80]!r}")
    return section


def _seen(argo: Argo, path: str, namespace: str | None = None) -> Document:
    """An object. Raises Unknown if it may not be seen from here, Missing if it is not there."""
    shown = f"`kubectl -n {namespace or argo.namespace} get {path.replace('/', ' ')}`"
    try:
        document = argo.lookup(path, namespace)
    except Denied as error:
        raise Unknown(f"{path} may not be seen by this user: {shown} tells whoever may") from error
    except Missing as error:
        raise Missing(f"no {path} in namespace {namespace or argo.namespace}", OVERLAY) from error
    if document is None:
        raise Unknown(f"the Argo Server cannot be asked, and no kubeconfig of its cluster is here: {shown} tells")
    return document


def _installed(argo: Argo) -> list[Profile]:
    there = {template["metadata"]["name"] for template in argo.templates()}
    return [profile for profile in PROFILES.values() if profile.template("imp") in there]


def _machines(profile: Profile) -> tuple[Hardware, Hardware]:
    return profile.train, profile.benchmark


def _budgets(argo: Argo) -> Iterator[str]:
    """Keys that the semaphores of the installed profiles read."""
    machines = (machine for profile in _installed(argo) for machine in _machines(profile))
    yield from (f"gpu-{machine.name}" for machine in machines if machine.accelerator)


def _ready(node: Document) -> bool:
    """True for a node that takes pods."""
    states = {condition["type"]: condition["status"] for condition in node["status"].get("conditions") or []}
    return states.get("Ready") == "True" and not node["spec"].get("unschedulable")


def _fits(node: Document, machine: Hardware) -> bool:
    room, label = node["status"].get("allocatable") or {}, (node["metadata"].get("labels") or {}).get(GPU)
    enough = number(room.get("cpu", "0")) >= machine.cores and number(room.get("memory", "0")) >= number(machine.memory)
    return enough and (machine.accelerator is None or label == machine.accelerator)


def _images(template: Document) -> Iterator[str]:
    yield from (part["container"]["image"] for part in template["spec"]["templates"] if "container" in part)


def _pulled(node: Document) -> Iterator[str]:
    """Names of the images on a node, as many as its kubelet tells."""
    yield from (name for entry in node["status"].get("images") or [] for name in entry.get("names") or [])
