"""Iterative magnitude pruning as a workflow: the order of `ticketsmith.lottery.imp`, held to it by a parity test.

The gate says which level comes next; a control trains beside the gate and the rounds that follow, and may fail.
"""

from hera.workflows import DAG, Container, Parameter, Step, Steps, Task, WorkflowTemplate
from hera.workflows.models import ContinueOn, Mutex, Synchronization, ValueFrom

from ticketsmith.hardware import PARALLEL, Profile
from ticketsmith.lottery.controls import CONTROLS

from . import pods
from .finish import finish
from .settings import COHORT, RUN_ID, SPEC, STORE, of_run, workflow

LAST = (  # of the branch that is not taken, nothing is asked: an expression tag would ask for both
    "tasks['gate'].outputs.parameters['next'] == 'none' "
    "? inputs.parameters['level'] : tasks['next-round'].outputs.parameters['last']"
)
MAY_FAIL = ContinueOn(failed=True, error=True)


def build(profile: Profile) -> WorkflowTemplate:
    """The template `ticketsmith-imp`."""
    with workflow(
        "imp",
        profile,
        "Iterative magnitude pruning",
        "Train dense; prune, rewind and retrain until the target; measure the ticket; report.",
        [RUN_ID, SPEC, STORE, COHORT],
        entrypoint="experiment",
        on_exit="finish",
        workflow_metadata=of_run("imp", profile),
        parallelism=PARALLEL,
    ) as template:
        experiment(profile)
        finish()
    return template


def experiment(profile: Profile) -> Steps:
    """One run from dense to benchmark; no other workflow works on it meanwhile."""
    train, measure = pods.chain(profile.train), pods.benchmark(profile.benchmark)
    rounds = _round(train, pods.gate())
    one = Synchronization(mutexes=[Mutex(name="ticketsmith-{{inputs.parameters.run-id}}")])
    inputs = [Parameter(name="run-id"), Parameter(name="spec")]
    with Steps(name="experiment", inputs=inputs, synchronization=one) as steps:
        Step(name="dense", template=train, arguments=_at("0", arm="dense", kinds="train"))
        Step(name="rounds", template=rounds, arguments=_at("1"))
        Step(name="benchmark", template=measure, arguments=_at("{{steps.rounds.outputs.parameters.last}}"))
    return steps


def _round(train: Container, gate: Container) -> DAG:
    here, beside = "{{inputs.parameters.level}}", "'{{tasks.ticket.outputs.parameters.%s}}' == 'true'"
    inputs = [Parameter(name="spec"), Parameter(name="level")]
    outputs = [Parameter(name="last", value_from=ValueFrom(expression=LAST))]
    with DAG(name="round", inputs=inputs, outputs=outputs) as dag:
        Task(name="ticket", template=train, arguments=_at(here, arm="ticket", kinds="prune,rewind,train"))
        for control in CONTROLS:
            kinds = "prune,rewind,train,gate" if control == "random" else "rewind,train,gate"
            Task(
                name=control,
                template=train,
                arguments=_at(here, arm=control, kinds=kinds),
                dependencies=["ticket"],
                when=beside % control,
                continue_on=MAY_FAIL,
            )
        Task(name="gate", template=gate, arguments=_at(here), dependencies=["ticket"])
        Task(
            name="next-round",
            template="round",
            arguments=_at("{{tasks.gate.outputs.parameters.next}}"),
            dependencies=["gate"],
            when="'{{tasks.gate.outputs.parameters.next}}' != 'none'",
        )
    return dag


def _at(level: str, **more: str) -> dict[str, str]:
    return {"spec": "{{inputs.parameters.spec}}", "level": level, **more}
