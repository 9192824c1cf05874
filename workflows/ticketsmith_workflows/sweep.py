"""A sweep: one experiment for each spec of a list (seeds, sparsities), side by side; each is a run of its own."""

from hera.workflows import Parameter, Step, Steps, WorkflowTemplate
from hera.workflows.models import WorkflowMetadata

from ticketsmith.hardware import Profile

from .finish import finish
from .imp import experiment
from .settings import COHORT, PROFILE, ROUND, STORE, workflow

LIST = '[{"run-id": ..., "spec": ...}, ...]'
EACH = "{{workflow.parameters.experiments}}"  # given, never the output of a step that may be skipped
RUN = {"run-id": "{{item.run-id}}", "spec": "{{item.spec}}"}


def build(profile: Profile) -> WorkflowTemplate:
    """The template `ticketsmith-sweep`."""
    with workflow(
        "sweep",
        profile,
        "Sweep",
        "One experiment of iterative magnitude pruning for each spec of a list, and a report for each.",
        [Parameter(name="experiments", description=f"JSON: {LIST}"), STORE, COHORT, ROUND],
        entrypoint="sweep",
        on_exit="finish",
        workflow_metadata=WorkflowMetadata(labels={"ticketsmith.dev/kind": "sweep", PROFILE: profile.name}),
        parallelism=16,
    ) as template:
        one = experiment(profile)
        with Steps(name="sweep"):
            Step(name="run", template=one, arguments=RUN, with_param=EACH)
        finish(RUN["spec"], with_param=EACH)
    return template
