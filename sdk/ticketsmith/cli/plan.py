"""`--dry-run`: the whole spec, and the steps that it leads to."""

import typer
import yaml

from ..lottery.imp import imp
from ..lottery.schedule import furthest, rounds
from ..lottery.spec import Experiment
from .options import Output
from .told import tell


def plan(spec: Experiment, until: int | None, output: Output) -> None:
    """The whole spec and the steps that it leads to."""
    steps = [str(step) for step in imp(spec) if until is None or step.level <= until]
    document = spec.model_dump(mode="json")
    if output is Output.json:
        tell("plan", {"run": spec.run_id(), "spec": document, "steps": steps})
        return
    typer.echo(f"# run {spec.run_id()}\n{yaml.safe_dump(document, sort_keys=False)}")
    more = f", and as many for each further cohort, {spec.cohorts} in all at most" if spec.cohorts > 1 else ""
    if spec.until_fail and until is None:
        more += f", and up to {furthest(spec) - rounds(spec.pruning)} rounds past the target"
    typer.echo(f"# {len(steps)} steps{more}\n" + "\n".join(f"#   {step}" for step in steps))
