"""Everything that pods have in common: the image, its confinement, its machine, its deadline, and what is repeated."""

from typing import Any

from hera.workflows import ConfigMapEnvFrom, Container, EmptyDirVolume, Histogram, Label, Parameter, Resources
from hera.workflows.models import Capabilities, Quantity, SecurityContext, Synchronization, Toleration

from ticketsmith import __version__
from ticketsmith.hardware import Hardware

from .retry import SPOT_FIRST, retry

IMAGE = f"ticketsmith/runner:{__version__}"  # an overlay puts the registry and the digest in its place
IMAGE_USER = 65532
CONFINED = SecurityContext(
    run_as_non_root=True,
    allow_privilege_escalation=False,
    read_only_root_filesystem=True,
    capabilities=Capabilities(drop=["ALL"]),
)


def container(
    name: str,
    arguments: list[str],
    hardware: Hardware,
    *,
    part: str,
    inputs: list[str],
    outputs: list[Any] | None = None,
    deadline: int,
    synchronization: Synchronization | None = None,
) -> Container:
    """A template of one container. `part` tells its pods apart in labels and metrics; `deadline` is per attempt, s."""
    where = {
        f"ticketsmith.dev/{parameter}": f"{{{{inputs.parameters.{parameter}}}}}"
        for parameter in ("cohort", "level")
        if parameter in inputs
    }
    return Container(
        name=name,
        image=IMAGE,
        image_pull_policy="IfNotPresent",
        command=["python", "-P", "-m", "ticketsmith_runner"],  # without it, the controller asks the registry for one
        args=arguments,
        inputs=[Parameter(name=parameter) for parameter in inputs],
        outputs=outputs,
        env_from=[ConfigMapEnvFrom(name="ticketsmith-environment", prefix="", optional=True)],
        volumes=[EmptyDirVolume(name="scratch", mount_path="/tmp", size_limit=Quantity("4Gi"))],
        security_context=CONFINED,
        labels={"ticketsmith.dev/part": part, **where},
        active_deadline_seconds=deadline,
        retry_strategy=retry(),
        metrics=[_duration(part)],
        synchronization=synchronization,
        **_machine(hardware),
    )


def _machine(hardware: Hardware) -> dict[str, Any]:
    """Resources; and for a GPU its nodes: this one type, spot first, past the taints that GKE puts on them."""
    resources = Resources(
        cpu_request=hardware.cores,
        cpu_limit=hardware.cores,
        memory_request=hardware.memory,
        memory_limit=hardware.memory,
        gpus=1 if hardware.accelerator else None,
    )
    if hardware.accelerator is None:
        return {"resources": resources}
    return {
        "resources": resources,
        "node_selector": {"cloud.google.com/gke-accelerator": hardware.accelerator},
        "tolerations": [
            Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule"),
            Toleration(key="cloud.google.com/gke-spot", operator="Equal", value="true", effect="NoSchedule"),
        ],
        "pod_spec_patch": SPOT_FIRST,
    }


def _duration(part: str) -> Histogram:
    return Histogram(
        name="ticketsmith_pod_seconds",
        help="Wall time of a pod",
        labels=[Label(key="part", value=part), Label(key="status", value="{{status}}")],
        buckets=[10.0, 60.0, 300.0, 900.0, 3600.0, 10800.0],
        value="{{duration}}",
    )
