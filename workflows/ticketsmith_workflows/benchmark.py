"""The benchmark of a finished run, with the options of another spec of it or on other hardware."""

from hera.workflows import Parameter, WorkflowTemplate

from ticketsmith.hardware import Profile

from . import pods
from .finish import finish
from .settings import COHORT, RUN_ID, SPEC, STORE, of_run, workflow


def build(profile: Profile) -> WorkflowTemplate:
    """The template `ticketsmith-benchmark`."""
    with workflow(
        "benchmark",
        profile,
        "Benchmark",
        "Measure the ticket of a finished run against dense; report.",
        [RUN_ID, SPEC, STORE, COHORT, Parameter(name="level", description="of the ticket: the last round taken")],
        entrypoint="benchmark",
        on_exit="finish",
        workflow_metadata=of_run("benchmark", profile),
    ) as template:
        pods.benchmark(profile.benchmark)
        finish()
    return template
