"""Iterative magnitude pruning as a workflow: the order of `ticketsmith.lottery.imp`, held to it by a parity test.

The gate says which level comes next; controls train beside the rounds that follow, and may fail. They come after the
gate and the next ticket, for which everything waits: where machines are few, who comes first gets them. They have a
template of their own, since Argo's interface folds away what a node with more than three children has.
"""

from hera.workflows import DAG, Container, Parameter, Step, Steps, Task, WorkflowTemplate
from hera.workflows.models import ContinueOn, Mutex, Synchronization, ValueFrom

from ticketsmith.hardware import PARALLEL, Profile
from ticketsmith.lottery.controls import CONTROLS, MASKED

from . import pods
from .finish import finish
from .settings import COHORT, ROUND, RUN_ID, SPEC, STORE, of_run, workflow

OVER = "tasks['gate'].outputs.parameters['next'] == 'none'"
MEASURED = (  # of the branch that is not taken, nothing is asked: an expression tag would ask for both
    f"{OVER} ? tasks['gate'].outputs.parameters['measured'] : tasks['next-round'].outputs.parameters['measured']"
)
AGAIN = f"{OVER} ? tasks['gate'].outputs.parameters['again'] : tasks['next-round'].outputs.parameters['again']"
NEWEST = (
    "steps['rounds'].outputs.parameters['again'] == 'none' "
    "? inputs.parameters['cohort'] : steps['next-cohort'].outputs.parameters['cohort']"
)
SPEC_HERE = {"spec": "{{inputs.parameters.spec}}"}
MAY_FAIL = ContinueOn(failed=True, error=True)


def build(profile: Profile) -> WorkflowTemplate:
    """The template `ticketsmith-imp`."""
    with workflow(
        "imp",
        profile,
        "Iterative magnitude pruning",
        "Train dense; prune, rewind and retrain until the target; measure the ticket; report.",
        [RUN_ID, SPEC, STORE, COHORT, ROUND],
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
    measure, cohort = pods.benchmark(profile.benchmark), _cohort(pods.chain(profile.train))
    one = Synchronization(mutexes=[Mutex(name="ticketsmith-{{inputs.parameters.run-id}}")])
    ended = "{{steps.cohorts.outputs.parameters.%s}}"
    with Steps(name="experiment", inputs=_inputs("run-id", "spec"), synchronization=one) as steps:
        first = {name: f"{{{{workflow.parameters.{name}}}}}" for name in ("cohort", "round")}
        Step(name="cohorts", template=cohort, arguments=SPEC_HERE | first)
        Step(name="benchmark", template=measure, arguments=_at(ended % "measured", cohort=ended % "cohort"))
    return steps


def _cohort(train: Container) -> Steps:
    """One cohort of replicates from a round on, and another one while the ticket's last gate asks for it."""
    rounds, again = _round(train, pods.gate(), _controls(train)), "{{steps.rounds.outputs.parameters.again}}"
    outputs = [_output("measured", "steps['rounds'].outputs.parameters['measured']"), _output("cohort", NEWEST)]
    here = "{{inputs.parameters.round}}"
    with Steps(name="cohort", inputs=_inputs("spec", "cohort", "round"), outputs=outputs) as steps:
        Step(name="dense", template=train, arguments=_at("0", arm="dense", kinds="train"), when=f"'{here}' == '1'")
        Step(name="rounds", template=rounds, arguments=_at(here))
        Step(
            name="next-cohort",
            template="cohort",
            arguments=SPEC_HERE | {"cohort": again, "round": "1"},
            when=f"'{again}' != 'none'",
        )
    return steps


def _controls(train: Container) -> DAG:
    """Those that the spec asks for, beside each other."""
    asked = "'{{inputs.parameters.%s}}' == 'true'"
    with DAG(name="controls", inputs=_inputs("spec", "cohort", "level", *CONTROLS)) as dag:
        for control in CONTROLS:
            Task(
                name=control,
                template=train,
                arguments=_at("{{inputs.parameters.level}}", arm=control, kinds=_kinds(control)),
                when=asked % control,
                continue_on=MAY_FAIL,
            )
    return dag


def _kinds(control: str) -> str:
    """The steps of a control: a random mask is drawn first, and a smaller dense network has none."""
    if control not in MASKED:
        return "train,gate"
    return "prune,rewind,train,gate" if control == "random" else "rewind,train,gate"


def _round(train: Container, gate: Container, controls: DAG) -> DAG:
    here, asked = "{{inputs.parameters.level}}", "{{tasks.ticket.outputs.parameters.%s}}"
    outputs = [_output("measured", MEASURED), _output("again", AGAIN)]
    ends = "next-round controls"  # in this order: Argo takes tasks on which no other waits by the alphabet
    with DAG(name="round", inputs=_inputs("spec", "cohort", "level"), outputs=outputs, target=ends) as dag:
        Task(name="ticket", template=train, arguments=_at(here, arm="ticket", kinds="prune,rewind,train"))
        Task(name="gate", template=gate, arguments=_at(here), dependencies=["ticket"])
        Task(
            name="next-round",
            template="round",
            arguments=_at("{{tasks.gate.outputs.parameters.next}}"),
            dependencies=["gate"],
            when="'{{tasks.gate.outputs.parameters.next}}' != 'none'",
        )
        Task(
            name="controls",
            template=controls,
            arguments=_at(here, **{control: asked % control for control in CONTROLS}),
            dependencies=["ticket", "gate"],
            continue_on=MAY_FAIL,
        )
    return dag


def _inputs(*names: str) -> list[Parameter]:
    return [Parameter(name=name) for name in names]


def _output(name: str, expression: str) -> Parameter:
    return Parameter(name=name, value_from=ValueFrom(expression=expression))


def _at(level: str, cohort: str = "{{inputs.parameters.cohort}}", **more: str) -> dict[str, str]:
    return SPEC_HERE | {"cohort": cohort, "level": level, **more}
