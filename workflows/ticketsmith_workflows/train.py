"""The dense training alone: what `ticketsmith run dense` does on a laptop. The rounds of a later run go on from it."""

from hera.workflows import Parameter, Step, Steps, WorkflowTemplate

from ticketsmith.hardware import Profile

from . import pods
from .finish import finish
from .settings import COHORT, RUN_ID, SPEC, STORE, of_run, workflow


def build(profile: Profile) -> WorkflowTemplate:
    """The template `ticketsmith-train`."""
    with workflow(
        "train",
        profile,
        "Dense training",
        "Train the dense network of a run, from which its rounds start; report.",
        [RUN_ID, SPEC, STORE, COHORT],
        entrypoint="train",
        on_exit="finish",
        workflow_metadata=of_run("train", profile),
    ) as template:
        here = {name: f"{{{{inputs.parameters.{name}}}}}" for name in ("spec", "cohort")}
        chain = pods.chain(profile.train)
        with Steps(name="train", inputs=[Parameter(name=name) for name in here]):
            Step(name="dense", template=chain, arguments=here | {"level": "0", "arm": "dense", "kinds": "train"})
        finish()
    return template
