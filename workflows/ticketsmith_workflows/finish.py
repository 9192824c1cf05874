"""The exit handler: the report of what is there, also of a run that failed or was stopped."""

from hera.workflows import Step, Steps

from . import pods


def finish(spec: str = "{{workflow.parameters.spec}}", with_param: str | None = None) -> Steps:
    """A report of the workflow's run, or of each of a list."""
    report = pods.report()
    with Steps(name="finish") as steps:
        Step(name="report", template=report, arguments={"spec": spec}, with_param=with_param)
    return steps
