"""The most that a submission may cost: steps, pods, GPU-hours and dollars; printed before anything is spent."""

import json
import sys
from dataclasses import asdict, dataclass

import typer
import yaml

from ..executors.argo import workflow_of
from ..hardware import HOURS, PARALLEL, PROFILES, Profile
from ..lottery.imp import imp
from ..lottery.spec import Experiment
from ..lottery.steps import Step
from ..stores import Store
from .options import Output

EXAMPLE = "t4"  # the profile of a dry run that names none


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """An upper bound, not an estimate: every pod that may run at a time, for as long as the workflow may take."""

    run: str
    profile: str
    steps: int
    pods: int
    gpu_pods: int
    """Number of the pods that hold a GPU."""
    idle_gpu_pods: int
    """Those of them that train on the processor, and leave the GPU that is paid for idle."""
    gpu: str | None
    """GKE's name of it."""
    at_a_time: int
    """GPUs held at a time, at most."""
    hours: float
    """That the workflow may take."""
    gpu_hours: float
    price: float | None
    """Dollars for an hour of one machine with its GPU."""
    dollars: float | None

    def __str__(self) -> str:
        head = f"run {self.run}: {self.steps} steps in {self.pods} pods, at most {PARALLEL} at a time"
        if self.gpu is None:
            return f"{head}\nprofile {self.profile}: no GPU; the workflow ends after {self.hours:g} h"
        bound = f"{self.gpu_hours:g} GPU-hours ({self.at_a_time} x {self.hours:g} h, less with --max-hours)"
        pods = "1 pod" if self.gpu_pods == 1 else f"{self.gpu_pods} pods"
        cost = (
            "dollars: unknown without --price" if self.dollars is None else f"${self.dollars:,.2f} at ${self.price:g}"
        )
        idle = (
            f"\n{self.idle_gpu_pods} of them train on the processor, beside a GPU that is paid for: "
            "--set training.device=cuda, or --profile cpu"
        ) * bool(self.idle_gpu_pods)
        return f"{head}\nprofile {self.profile}: {pods} on {self.gpu}{idle}\nat most {bound}; {cost}"


def forecast(spec: Experiment, kind: str, machines: Profile, hours: float | None, price: float | None) -> Forecast:
    """The bound for a run of this kind, with every cohort that it may buy."""
    cohorts = 1 if kind == "train" else spec.cohorts
    steps = [step for step in imp(spec, cohorts=cohorts) if kind != "train" or step.level == 0]
    pods = _pods(steps)
    training = sum(part not in ("gate", "benchmark", "report") for *_, part in pods)
    measuring = sum(part == "benchmark" for *_, part in pods)
    train_on_gpu = training * bool(machines.train.accelerator)
    gpu_pods = train_on_gpu + measuring * bool(machines.benchmark.accelerator)
    at_a_time = min(PARALLEL, gpu_pods if machines.train.accelerator else min(1, gpu_pods))
    gpu_hours = at_a_time * (hours or HOURS)
    return Forecast(
        run=spec.run_id(),
        profile=machines.name,
        steps=len(steps),
        pods=len(pods),
        gpu_pods=gpu_pods,
        idle_gpu_pods=0 if spec.training.device == "cuda" else train_on_gpu,
        gpu=machines.train.accelerator or machines.benchmark.accelerator if gpu_pods else None,
        at_a_time=at_a_time,
        hours=hours or HOURS,
        gpu_hours=gpu_hours,
        price=price,
        dollars=None if price is None else round(gpu_hours * price, 2),
    )


def print_dry(plan: Forecast, spec: Experiment, store: Store, kind: str, seconds: int | None, output: Output) -> None:
    """Plan and Workflow on standard output, as YAML or as JSON. Its pods need what `submit` puts into the store."""
    document = workflow_of(spec, store, PROFILES[plan.profile].template(kind), kind=kind, seconds=seconds)
    if output is Output.json:
        typer.echo(json.dumps({"plan": asdict(plan), "workflow": document}, indent=2))
        return
    typer.echo("\n".join(f"# {line}" for line in str(plan).splitlines()))
    yaml.safe_dump(document, sys.stdout, sort_keys=False)


def _pods(steps: list[Step]) -> set[tuple[int, int, str, str]]:
    """The pods of a run: one for the chain of each arm and level, one for a ticket's gate, benchmark, report."""
    alone = ("gate", "benchmark", "report")
    return {(s.cohort, s.level, s.arm, s.kind if s.arm == "ticket" and s.kind in alone else "chain") for s in steps}
