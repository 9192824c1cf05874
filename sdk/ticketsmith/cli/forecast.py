"""The most that a submission may cost: steps, pods, GPU-hours and dollars; printed before anything is spent."""

import sys
from dataclasses import asdict, dataclass

import typer
import yaml

from ..executors.argo import workflow_of
from ..executors.limits import Limits
from ..hardware import HOURS, PARALLEL, PROFILES, REPORTING, Profile
from ..lottery.imp import imp
from ..lottery.schedule import furthest, rounds
from ..lottery.spec import Experiment
from ..stores import Store
from .ceiling import Terms, seconds
from .needed import needed, paid
from .options import Output
from .told import tell

EXAMPLE = "t4"  # the profile of a dry run that names none


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """An upper bound, not an estimate: every pod that may run at a time, for as long as the workflow may take."""

    run: str
    profile: str
    steps: int
    pods: int
    beyond: int
    """Rounds past the target among them, which are made until quality is lost."""
    gpu_pods: int
    """Number of the pods that hold a GPU."""
    idle_gpu_pods: int
    """Those of them that train on the processor, and leave the GPU that is paid for idle."""
    gpu: str | None
    """GKE's name of it."""
    at_a_time: int
    """GPUs held at a time, at most."""
    machines: int
    """Paid for at a time, at most: those with a GPU or, where none has one, all."""
    hours: float
    """That the workflow may take."""
    seconds: int | None
    """The same, where it is not what the template allows."""
    gpu_hours: float
    price: float | None
    """Dollars for an hour of one machine, with its GPU if it has one."""
    dollars: float | None

    def __str__(self) -> str:
        steps = "1 step" if self.steps == 1 else f"{self.steps} steps"
        beyond = f", with up to {self.beyond} rounds past the target" * bool(self.beyond)
        head = f"run {self.run}: {steps} in {self.pods} pods{beyond}, at most {PARALLEL} at a time"
        if self.gpu is None:
            cost = "" if self.dollars is None else f"; at most {self._cost()}"
            return f"{head}\nprofile {self.profile}: no GPU; the workflow ends after {self.hours:.4g} h{cost}"
        bound = f"{self.gpu_hours:.4g} GPU-hours ({self.at_a_time} x {self.hours:.4g} h, less with --max-hours)"
        pods = "1 pod" if self.gpu_pods == 1 else f"{self.gpu_pods} pods"
        cost = "dollars: unknown without --price" if self.dollars is None else self._cost()
        idle = (
            f"\n{self.idle_gpu_pods} of them train on the processor, beside a GPU that is paid for: "
            "--set training.device=cuda, or --profile cpu"
        ) * bool(self.idle_gpu_pods)
        return f"{head}\nprofile {self.profile}: {pods} on {self.gpu}{idle}\nat most {bound}; {cost}"

    def _cost(self) -> str:
        return f"${self.dollars:,.2f} at ${self.price:g}"


def forecast(spec: Experiment, kind: str, machines: Profile, terms: Terms) -> Forecast:
    """The bound for a run of this kind, with every cohort that it may buy, and every round past the target."""
    cohorts, last = (1, 0) if kind == "train" else (spec.cohorts, furthest(spec))
    steps = list(imp(spec, cohorts=cohorts, last=last))
    pods = needed(steps, spec.replicates)
    training, measuring = (sum(part == word for *_, part in pods) for word in ("chain", "benchmark"))
    train_on_gpu = training * bool(machines.train.accelerator)
    gpu_pods = train_on_gpu + measuring * bool(machines.benchmark.accelerator)
    at_a_time = min(PARALLEL, gpu_pods if machines.train.accelerator else min(1, gpu_pods))
    for_all = paid(machines, "report")
    held, after = (min(PARALLEL, len(pods)), REPORTING) if for_all else (at_a_time, 0)
    limit = seconds(terms, held, after)
    price = terms.price if held else None  # pods that nobody is billed for cost nothing, and not $0.00
    hours = HOURS if limit is None else limit / 3600
    return Forecast(
        run=spec.run_id(),
        profile=machines.name,
        steps=sum(not step.derived for step in steps),  # the report aside, which has a pod all the same
        pods=len(pods),
        beyond=max(0, last - rounds(spec.pruning)),
        gpu_pods=gpu_pods,
        idle_gpu_pods=0 if spec.training.device == "cuda" else train_on_gpu,
        gpu=machines.train.accelerator or machines.benchmark.accelerator if gpu_pods else None,
        at_a_time=at_a_time,
        machines=held,
        hours=hours,
        seconds=limit,
        gpu_hours=at_a_time * hours,
        price=terms.price,
        dollars=None if price is None else round((held * hours + after / 3600) * price, 2),
    )


def limits(plan: Forecast, terms: Terms) -> Limits:
    """The deadline of a plan, with the terms that led to it."""
    return Limits(seconds=plan.seconds, price=terms.price, cost=terms.cost, hours=terms.hours)


def print_dry(plan: Forecast, spec: Experiment, store: Store, kind: str, terms: Terms, output: Output) -> None:
    """Plan and Workflow on standard output, as YAML or as JSON. Its pods need what `submit` puts into the store."""
    template = PROFILES[plan.profile].template(kind)
    document = workflow_of(spec, store, template, kind=kind, limits=limits(plan, terms))
    if output is Output.json:
        tell("submission-plan", {"run": plan.run, "plan": asdict(plan), "workflow": document})
        return
    typer.echo("\n".join(f"# {line}" for line in str(plan).splitlines()))
    yaml.safe_dump(document, sys.stdout, sort_keys=False)
