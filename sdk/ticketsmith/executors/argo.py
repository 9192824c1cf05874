"""A cluster: the run as an Argo Workflow from a template. The same run submitted twice is one run."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .. import __version__
from ..argo import AlreadyThere, Argo, Document, ended, run_of
from ..documents import canonical
from ..errors import Conflict, UsageError
from ..hardware import PROFILES, Profile, profile_named
from ..ledger import Ledger, spec_key
from ..lottery.schedule import furthest
from ..lottery.spec import Experiment
from ..runs import missing
from ..stores import Store
from .limits import UNLIMITED, Limits, limits_of

DEPTH = 90
"""Rounds at most: each is a template inside the one before, as cohorts are, and Argo nests no deeper than 100."""
LABEL = re.compile("[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""Words that may be a label's value: a selector means something else by others, and all runs by an empty one."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A Workflow that works on a run."""

    name: str
    new: bool
    """False: it was there already."""
    seconds: int | None
    """Its deadline, whoever set it; None: as long as its template allows."""


def submit(argo: Argo, store: Store, spec: Experiment, *, kind: str, template: str, limits: Limits) -> Submission:
    """Write the spec into the store and create the Workflow, or find the one that is at work on it.

    `kind` is that of the template (`imp`, `train`). Raises UsageError if no cluster can run it, Conflict if another
    spec of the same run is at work.
    """
    check(store, spec)
    key = spec_key(spec.run_id(), spec)
    store.put_once(key, canonical(spec.model_dump(mode="json")))
    earlier = [
        workflow
        for workflow in argo.list(spec.run_id())
        if workflow["metadata"]["labels"].get("ticketsmith.dev/kind") == kind
    ]
    for workflow in earlier:
        if not ended(workflow):
            return _joined(workflow, key, store)
    attempt = 1 + max((_attempt(workflow) for workflow in earlier), default=0)
    begins = beginning(Ledger(store, spec.run_id()), spec) if kind == "imp" else {}
    document = workflow_of(spec, store, template, kind=kind, attempt=attempt, limits=limits, begins=begins)
    name: str = document["metadata"]["name"]
    try:
        argo.create(document)
    except AlreadyThere:
        return _joined(argo.get(name), key, store)
    return Submission(name=name, new=True, seconds=limits.seconds)


def beginning(ledger: Ledger, spec: Experiment) -> dict[str, str]:
    """Cohort and round of the first step that is not done, as parameters; none where that is the first round."""
    first = next(iter(missing(ledger, spec)), None)
    if first is None or (first.cohort, first.level) <= (0, 1):
        return {}
    return {"cohort": str(first.cohort), "round": str(max(1, first.level))}


def workflow_of(
    spec: Experiment,
    store: Store,
    template: str,
    *,
    kind: str,
    attempt: int = 1,
    limits: Limits = UNLIMITED,
    begins: Mapping[str, str] | None = None,
) -> Document:
    """The Workflow of a run. Its name is the run's, so that a second one of this name is refused by the API."""
    run = spec.run_id()
    parameters = {"run-id": run, "spec": spec_key(run, spec), "store": store.url, **(begins or {})}
    labels = {
        "app.kubernetes.io/name": "ticketsmith",
        "ticketsmith.dev/run": run,
        "ticketsmith.dev/kind": kind,
        "ticketsmith.dev/attempt": str(attempt),
    }
    name = "-".join([run, *([kind] if kind != "imp" else []), *([str(attempt)] if attempt > 1 else [])])
    arguments = {"parameters": [{"name": name, "value": value} for name, value in parameters.items()]}
    limit = {"activeDeadlineSeconds": limits.seconds} if limits.seconds else {}
    annotations = {"annotations": limits.annotations} if limits.annotations else {}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "labels": labels, **annotations},
        "spec": {"workflowTemplateRef": {"name": template}, "arguments": arguments, **limit},
    }


def check(store: Store, spec: Experiment) -> None:
    """Can a cluster run this? Raises UsageError."""
    if not store.url.startswith("gs://"):
        raise UsageError(
            f"--store: pods cannot reach {store.url!r}, a folder of this machine",
            "give a bucket: --store gs://bucket/prefix, or set TICKETSMITH_STORE",
        )
    if "{{" in store.url or "}}" in store.url:
        raise UsageError(
            f"--store: Argo would replace what is in braces, in pods only: {store.url!r}", "write the address in full"
        )
    if (count := furthest(spec)) + spec.cohorts > DEPTH + 1:
        cohorts = f" in {spec.cohorts} cohorts" if spec.cohorts > 1 else ""
        raise UsageError(
            f"{count} rounds{cohorts}: Argo nests templates 100 deep, which allows {DEPTH}",
            f"prune faster (--set pruning.fraction={spec.pruning.fraction * 2:g}), or use `ticketsmith run imp`",
        )


def chosen(argo: Argo, kind: str, profile: str | None) -> Profile:
    """The profile, if this version's template for it is there; without one, the only one that is installed."""
    there = {template["metadata"]["name"] for template in argo.templates()}
    asked = [profile_named(profile)] if profile else PROFILES.values()
    profiles = [candidate for candidate in asked if candidate.template(kind) in there]
    if len(profiles) == 1:
        return profiles[0]
    if profiles:
        raise UsageError(
            f"namespace {argo.namespace!r} has templates for {', '.join(candidate.name for candidate in profiles)}",
            "choose one with --profile",
        )
    wanted = profile_named(profile).template(kind) if profile else f"ticketsmith-{kind}-PROFILE"
    apply = f"ticketsmith templates apply --profile {profile or 't4'} --image IMAGE"
    fix = f"`{apply}`, or `kubectl apply --server-side -k argo/overlays/...`"
    if others := sorted(name for name in there if name.startswith(f"ticketsmith-{kind}-{profile or ''}")):
        raise UsageError(f"no template {wanted} in namespace {argo.namespace!r}: {_other(others)}", fix)
    raise UsageError(f"no template {wanted} in namespace {argo.namespace!r}", fix)


def workflows(argo: Argo, run: str | None) -> list[Document]:
    """Workflows whose run is `run` or begins with it, oldest first. Raises UsageError if that is not one run."""
    if run is None:
        return argo.list()
    if LABEL.fullmatch(run) and (whole := argo.list(run)):
        return whole
    documents = argo.list()
    named = [document for document in documents if run in (run_of(document), document["metadata"]["name"])]
    named = named or [document for document in documents if run and run_of(document).startswith(run)]
    runs = sorted({run_of(document) for document in named})
    if len(runs) != 1:
        known = ", ".join(runs or sorted({run_of(document) for document in documents})[:10]) or "none"
        raise UsageError(
            f"{run!r} matches {len(runs)} runs in namespace {argo.namespace!r}",
            f"give the id of one (there: {known}); `ticketsmith list --cluster` shows them",
        )
    return named


def latest(argo: Argo, run: str) -> Document:
    """The newest Workflow of a run, without its nodes. Raises UsageError if there is none."""
    return workflows(argo, run)[-1]


def profile_of(workflow: Document) -> Profile | None:
    """The machines of a Workflow, by its template; None for a profile that this version does not know."""
    template = workflow["spec"].get("workflowTemplateRef", {}).get("name", "")
    kind = (workflow["metadata"].get("labels") or {}).get("ticketsmith.dev/kind")
    return PROFILES.get(template.removeprefix(f"ticketsmith-{kind}-").partition("-v")[0])


def parameter(workflow: Document, name: str) -> str | None:
    """A parameter that a Workflow was submitted with."""
    given: Iterable[Document] = workflow["spec"].get("arguments", {}).get("parameters") or []
    return next((str(argument["value"]) for argument in given if argument["name"] == name), None)


def _joined(workflow: Document, key: str, store: Store) -> Submission:
    """The Workflow that is at work, if it works on the same spec."""
    name, theirs = workflow["metadata"]["name"], (parameter(workflow, "spec"), parameter(workflow, "store"))
    if theirs != (key, store.url):
        raise Conflict(
            f"{name} is at work on this run with another spec or store: {theirs[0]} in {theirs[1]}",
            f"wait for it (`ticketsmith watch {name}`) or stop it (`ticketsmith stop {name}`)",
        )
    return Submission(name=name, new=False, seconds=limits_of(workflow).seconds)


def _attempt(workflow: Document) -> int:
    number = workflow["metadata"]["labels"].get("ticketsmith.dev/attempt", "1")
    return int(number) if number.isdigit() else 1


def _other(names: list[str]) -> str:
    return f"it has {', '.join(names)}, and this is ticketsmith {__version__}"
