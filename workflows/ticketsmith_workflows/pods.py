"""The pods: one for each chain of one arm and level, started with the argv that a laptop uses.

No value reaches a shell, and none can pass for a flag: each is one argument, `--name=value`.
"""

from hera.workflows import Container, GCSArtifact, NoneArchiveStrategy, Parameter
from hera.workflows.models import ConfigMapKeySelector, Mutex, SemaphoreRef, Synchronization, ValueFrom

from ticketsmith.hardware import CPU, REPORTING, Hardware
from ticketsmith.lottery.chains import NONE
from ticketsmith.lottery.controls import CONTROLS

from .container import container

OUTPUTS = "/tmp/outputs"
MINUTE, HOUR = 60, 3600
FOUND = ("score", "sparsity", "status")  # for those who watch; no step asks for them
RUN = ["--spec={{inputs.parameters.spec}}", "--store={{workflow.parameters.store}}", f"--outputs={OUTPUTS}"]


def chain(hardware: Hardware) -> Container:
    """Any chain that trains. It says which controls train beside it."""
    return container(
        "chain",
        [*_step("{{inputs.parameters.arm}}", "{{inputs.parameters.kinds}}"), f"--workers={hardware.cores}"],
        hardware,
        part="{{inputs.parameters.arm}}",
        inputs=["spec", "cohort", "level", "arm", "kinds"],
        outputs=[*(_output(control, default="false") for control in CONTROLS), *map(_output, FOUND)],
        deadline=6 * HOUR,
        synchronization=_budget(hardware),
    )


def gate() -> Container:
    """The gate of a ticket, which says whether another round follows, or another cohort. Needs no GPU."""
    return container(
        "gate",
        _step("ticket", "gate"),
        CPU,
        part="gate",
        inputs=["spec", "cohort", "level"],
        outputs=[*map(_output, ("next", "again", "measured", *FOUND[:-1])), _output("status", of_all="verdict")],
        deadline=15 * MINUTE,
    )


def benchmark(hardware: Hardware) -> Container:
    """The speed of the ticket of one round; one pod at a time measures on this hardware."""
    return container(
        "benchmark",
        _step("ticket", "benchmark"),
        hardware,
        part="benchmark",
        inputs=["spec", "cohort", "level"],
        deadline=HOUR,
        synchronization=_budget(hardware, Mutex(name=f"ticketsmith-benchmark-{hardware.name}")),
    )


def report() -> Container:
    """The report of what is there so far. Argo's user interface shows the copies that are artifacts."""
    return container(
        "report",
        ["report", *RUN],
        CPU,
        part="report",
        inputs=["spec"],
        outputs=[_file("report", "report.html"), _file("scorecard", "report.json"), _file("samples", "report.png")],
        deadline=REPORTING,
    )


def _step(arm: str, kinds: str) -> list[str]:
    where = ["--cohort={{inputs.parameters.cohort}}", "--level={{inputs.parameters.level}}"]
    return ["step", *RUN, *where, f"--arm={arm}", f"--kinds={kinds}"]


def _output(name: str, default: str = NONE, of_all: str | None = None) -> Parameter:
    """The default is for a pod that was skipped or failed: without one, whatever refers to it hangs.

    `of_all`: its name among the outputs of the workflow, which a list has without any node; the last pod's stands.
    """
    return Parameter(name=name, value_from=ValueFrom(path=f"{OUTPUTS}/{name}", default=default), global_name=of_all)


def _file(name: str, file: str) -> GCSArtifact:
    """One file as it is: Argo's GCS driver knows no folders, and its interface opens no archives.

    Its key is the attempt's own: a second one could not replace it, pods may create objects and not delete them.
    """
    key = f"argo/{{{{workflow.name}}}}/{{{{pod.name}}}}/{file}"
    return GCSArtifact(name=name, path=f"{OUTPUTS}/{file}", key=key, archive=NoneArchiveStrategy(), optional=True)


def _budget(hardware: Hardware, *mutexes: Mutex) -> Synchronization | None:
    """A share of the namespace's GPUs, whose number is one ConfigMap key; and locks beside it."""
    key = ConfigMapKeySelector(name="ticketsmith-limits", key=f"gpu-{hardware.name}")
    semaphores = [SemaphoreRef(config_map_key_ref=key)] if hardware.accelerator else None
    return Synchronization(semaphores=semaphores, mutexes=list(mutexes) or None) if semaphores or mutexes else None
