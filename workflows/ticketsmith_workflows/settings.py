"""Everything that templates have in common: identities, limits of time and number, labels, metrics, a version."""

import json
from typing import Any

from hera.workflows import Counter, Gauge, Label, Parameter, WorkflowTemplate
from hera.workflows.models import (
    ArtifactRepositoryRef,
    ExecutorConfig,
    PodGC,
    PodSecurityContext,
    SeccompProfile,
    TTLStrategy,
    WorkflowMetadata,
)

from ticketsmith import __version__
from ticketsmith.hardware import HOURS, Profile

from .container import IMAGE_USER

HOUR, DAY = 3600, 86400
PROFILE = "ticketsmith.dev/profile"
# Argo's own two containers: a controller's configuration may leave them less confined than "restricted" demands, and
# without requests and limits, which a namespace with a quota demands of every container. They idle, or copy a file: no
# share of a core is set aside for them, or two pods of one core would not fit on two.
OURS = {
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    "resources": {"requests": {"cpu": "0", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}},
}
ARGOS = {"initContainers": [{"name": "init", **OURS}], "containers": [{"name": "wait", **OURS}]}
RUN_ID = Parameter(name="run-id", description="of the spec: a DNS label")
SPEC = Parameter(name="spec", description="key of the spec in the store")
STORE = Parameter(name="store", description="URL of the store, gs://bucket/prefix")
ROUND = Parameter(name="round", value="1", description="the first one: those before it are done, and dense")
COHORT = Parameter(name="cohort", value="0", description="which replicates: counted in batches of the spec's number")


def workflow(
    kind: str, profile: Profile, title: str, description: str, arguments: list[Parameter], **more: Any
) -> WorkflowTemplate:
    """An empty template. Its name carries the version: what is running keeps the template that it started with."""
    of_kind = [Label(key="kind", value=kind), Label(key="status", value="{{workflow.status}}")]
    return WorkflowTemplate(
        name=profile.template(kind),
        labels={
            "app.kubernetes.io/name": "ticketsmith",
            "app.kubernetes.io/component": kind,
            "app.kubernetes.io/version": __version__,
            PROFILE: profile.name,
        },
        annotations={
            "workflows.argoproj.io/title": title,
            "workflows.argoproj.io/description": description,
            "workflows.argoproj.io/version": ">= 4.0.7",
        },
        arguments=arguments,
        service_account_name="ticketsmith-runner",
        automount_service_account_token=False,  # the executor has its own identity, the runner none in Kubernetes
        executor=ExecutorConfig(service_account_name="ticketsmith-executor"),
        security_context=PodSecurityContext(
            run_as_non_root=True,
            run_as_user=IMAGE_USER,
            run_as_group=IMAGE_USER,
            fs_group=IMAGE_USER,
            seccomp_profile=SeccompProfile(type="RuntimeDefault"),
        ),
        pod_spec_patch=json.dumps(ARGOS),
        artifact_repository_ref=ArtifactRepositoryRef(config_map="artifact-repositories", key="ticketsmith"),
        archive_logs=True,
        active_deadline_seconds=HOURS * HOUR,
        ttl_strategy=TTLStrategy(seconds_after_success=3 * DAY, seconds_after_failure=14 * DAY),
        pod_gc=PodGC(strategy="OnPodSuccess", delete_delay_duration="600s"),
        metrics=[
            Counter(name="ticketsmith_workflows_total", help="Workflows by status", labels=of_kind, value="1"),
            Gauge(
                name="ticketsmith_workflow_seconds",
                help="Wall time of the last workflow",
                labels=of_kind,
                value="{{workflow.duration}}",
                realtime=False,
            ),
        ],
        **more,
    )


def of_run(kind: str, profile: Profile) -> WorkflowMetadata:
    """Appearance of a run's workflow in lists: its name as title, which is the run's with the attempt; and labels."""
    run = "{{workflow.parameters.run-id}}"
    title = {"workflows.argoproj.io/title": f"{kind} {{{{workflow.name}}}}"}
    labels = {"ticketsmith.dev/run": run, "ticketsmith.dev/kind": kind, PROFILE: profile.name}
    return WorkflowMetadata(labels=labels, annotations=title)
