"""A walk over the rendered YAML, as Argo takes it, visits the steps of `imp(spec)` in that order: nothing else decides.

But for the controls, which hold up nothing: in a workflow each level's come after its gate, and after what that starts.

Pods are not run: each resolves its argv to steps with `chain`, and hands on what `follows` says, as the runner does.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ticketsmith.lottery.chains import NONE, chain, follows
from ticketsmith.lottery.controls import CONTROLS, MASKED
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.results import Status
from ticketsmith.lottery.schedule import rounds
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.steps import Benchmark, Gate, Step
from ticketsmith.specs import read_spec

from .conftest import RENDERED, Document, read

RUN = {"run-id": "digits-0123", "spec": "digits-0123/spec/1.json", "store": "gs://b/p", "cohort": "0", "level": "2"}
RUN |= {"round": "1"}
EVERY = [*MASKED, "smaller"]
Values = dict[str, str]


class Walker:
    """One workflow of a template: who runs, in which order, with which values.

    `fails` is the level that FAILs; the last round of the first `open` cohorts is UNDECIDED.
    """

    def __init__(
        self, document: Document, spec: Experiment, fails: int | None = None, open: int = 0, **begins: str
    ) -> None:
        self.templates = {each["name"]: each for each in document["spec"]["templates"]}
        self.spec, self.fails, self.open = spec, fails, open
        self.globals = {f"workflow.parameters.{k}": v for k, v in (RUN | begins).items()}
        self.steps: list[Step] = []
        self.reports = 0
        given = {each["name"]: RUN[each["name"]] for each in document["spec"]["arguments"]["parameters"]}
        self.run(document["spec"]["entrypoint"], given)
        self.run(document["spec"]["onExit"], {})

    def run(self, name: str, given: Values) -> Values:
        """Run a template; returns its output parameters."""
        template = self.templates[name]
        wanted = [each["name"] for each in template.get("inputs", {}).get("parameters", [])]
        assert set(wanted) <= set(given), f"{name} lacks inputs"
        scope = self.globals | {f"inputs.parameters.{key}": given[key] for key in wanted}
        if "container" in template:
            return self.pod([filled(each, scope) for each in template["container"]["args"]])
        groups = template.get("steps") or [[task] for task in ordered(template["dag"]["tasks"])]
        for group in groups:
            for child in group:
                self.child(child, scope, "steps" if "steps" in template else "tasks")
        return {
            each["name"]: result(each["valueFrom"]["expression"], scope)
            for each in template.get("outputs", {}).get("parameters", [])
        }

    def child(self, child: Document, scope: Values, kind: str) -> None:
        if "when" in child and not holds(filled(child["when"], scope)):
            return
        given = {each["name"]: filled(each["value"], scope) for each in child["arguments"]["parameters"]}
        for key, value in self.run(child["template"], given).items():
            scope[f"{kind}.{child['name']}.outputs.parameters.{key}"] = value

    def pod(self, argv: Sequence[str]) -> Values:
        """Steps that the runner takes with this argv."""
        command, *rest = argv
        flags = dict(each.removeprefix("--").split("=", 1) for each in rest)
        assert (flags["spec"], flags["store"]) == (RUN["spec"], RUN["store"])
        if command == "report":
            self.reports += 1
            return {}
        where = {"cohort": int(flags["cohort"]), "level": int(flags["level"]), "arm": flags["arm"]}
        steps = chain(self.spec, kinds=flags["kinds"].split(","), **where)
        self.steps += steps
        return follows(self.spec, steps[-1], self.status(steps[-1]))

    def status(self, step: Step) -> Status | None:
        if not isinstance(step, Gate):
            return None
        if step.cohort < self.open and step.level == rounds(self.spec.pruning):
            return "UNDECIDED"
        return "FAIL" if step.arm == "ticket" and step.level == self.fails else "PASS"


def ordered(tasks: list[Document]) -> Iterator[Document]:
    """Tasks in their order in the file, which has to be one that their dependencies allow."""
    seen: set[str] = set()
    for task in tasks:
        assert set(task.get("dependencies", [])) <= seen
        seen.add(task["name"])
        yield task


def filled(text: str, scope: Values) -> str:
    """Tags replaced as Argo does: textually. A tag that nothing resolves is an error."""
    return re.sub(r"\{\{([^=}]+)\}\}", lambda tag: scope[tag[1]], text)


def holds(when: str) -> bool:
    comparison = re.fullmatch(r"'([^']*)' (==|!=) '([^']*)'", when)
    assert comparison, f"not a comparison of two quoted words: {when}"
    return (comparison[1] == comparison[3]) == (comparison[2] == "==")


def result(expression: str, scope: Values) -> str:
    """The two expressions in use: a reference, and a ternary over two of them."""
    ternary = re.fullmatch(r"(\S+) == '(\w+)' \? (\S+) : (\S+)", expression)
    if not ternary:
        return scope[dotted(expression)]
    wanted, word, yes, no = ternary.groups()
    return scope[dotted(yes if scope[dotted(wanted)] == word else no)]


def dotted(reference: str) -> str:
    return re.sub(r"\['([^']+)'\]", r".\1", reference)


def keys(steps: Sequence[Step]) -> list[str]:
    """Keys of steps, the controls of each level last, and the benchmark behind them all."""

    def place(step: Step) -> tuple[bool, int, int, bool]:
        return step.kind == "benchmark", step.cohort, step.level, step.arm not in ("dense", "ticket")

    return [step.key for step in sorted(steps, key=place) if step.kind != "report"]


def spec_with(**fields: Any) -> Experiment:
    return read_spec(None, {"pruning": {"sparsity": 0.6}, "training": {"schedule": "step"}, **fields})


@pytest.mark.parametrize("profile", ["t4", "l4", "cpu", "local"])
@pytest.mark.parametrize(
    "controls", [[], ["reinit"], ["random"], ["reinit", "finetune"], ["smaller"], EVERY], ids="+".join
)
def test_a_full_run_is_imp(profile: str, controls: list[str]) -> None:
    spec = spec_with(controls=controls)
    walked = Walker(read(RENDERED / profile / "imp.yaml"), spec, fails=2)  # a FAIL does not stop where nobody asked
    assert keys(walked.steps) == keys(list(imp(spec)))
    assert walked.reports == 1


@pytest.mark.parametrize("fails", [1, 3, 5])
def test_an_early_stop_is_imp_up_to_that_level(fails: int) -> None:
    spec = spec_with(stop_on_fail=True)
    walked = Walker(read(RENDERED / "t4" / "imp.yaml"), spec, fails)
    assert rounds(spec.pruning) == 5
    assert keys(walked.steps) == keys(list(imp(spec, last=fails)))
    assert [step.level for step in walked.steps if isinstance(step, Benchmark)] == [fails]


@pytest.mark.parametrize(("fails", "last"), [(2, 13), (5, 5), (7, 7), (99, 13)])
def test_past_the_target_is_imp_up_to_the_level_that_fails(fails: int, last: int) -> None:
    spec = spec_with(until_fail=True)
    walked = Walker(read(RENDERED / "t4" / "imp.yaml"), spec, fails)
    assert keys(walked.steps) == keys(list(imp(spec, last=last)))
    assert [step.level for step in walked.steps if isinstance(step, Benchmark)] == [5]


@pytest.mark.parametrize("undecided", [0, 1, 2, 9])
def test_cohorts_follow_while_the_last_round_is_undecided(undecided: int) -> None:
    spec = spec_with(replicates=5, max_replicates=15)
    walked = Walker(read(RENDERED / "t4" / "imp.yaml"), spec, open=undecided)
    assert keys(walked.steps) == keys(list(imp(spec, cohorts=min(undecided + 1, spec.cohorts))))


@pytest.mark.parametrize(("cohort", "begin"), [(0, 3), (0, 5), (1, 1), (1, 2)])
def test_what_is_resumed_begins_with_the_first_round_that_is_not_complete(cohort: int, begin: int) -> None:
    spec = spec_with(replicates=5, max_replicates=15, controls=EVERY)
    begins = {"cohort": str(cohort), "round": str(begin)}
    walked = Walker(read(RENDERED / "t4" / "imp.yaml"), spec, open=9, **begins)
    whole = [step for step in imp(spec, cohorts=spec.cohorts) if step.cohort >= cohort]
    assert keys(walked.steps) == keys([s for s in whole if (s.cohort, s.level + (begin == 1)) >= (cohort, begin)])


def test_every_pod_finds_its_parents_done(monkeypatch: pytest.MonkeyPatch) -> None:
    done: set[str] = set()
    for step in Walker(read(RENDERED / "t4" / "imp.yaml"), spec_with(controls=EVERY)).steps:
        assert {parent.key for parent in step.parents} <= done
        done.add(step.key)


def test_dense_alone_and_benchmark_alone() -> None:
    spec = spec_with()
    dense = Walker(read(RENDERED / "t4" / "train.yaml"), spec)
    measured = Walker(read(RENDERED / "t4" / "benchmark.yaml"), spec)
    assert keys(dense.steps) == keys(list(imp(spec, last=0)))
    assert keys(measured.steps) == keys(list(imp(spec, last=2)))[-1:]
    assert (dense.reports, measured.reports) == (1, 1)


def test_a_lost_control_stops_nothing() -> None:
    rounds = {task["name"]: task for task in template_of("round")["dag"]["tasks"]}
    controls = {task["name"]: task for task in template_of("controls")["dag"]["tasks"]}
    assert {name for name, task in rounds.items() if "continueOn" in task} == {"controls"}
    assert controls.keys() == CONTROLS.keys()
    assert all(
        task["continueOn"] == {"failed": True, "error": True} for task in [*controls.values(), rounds["controls"]]
    )
    assert not [task for task in [*rounds.values(), *controls.values()] if "controls" in task.get("dependencies", [])]
    assert not [task for task in controls.values() if "dependencies" in task]


def test_controls_come_after_the_gate_and_the_next_ticket() -> None:
    """Machines may be few, and who comes first gets them: Argo takes the ends of a DAG as its target names them."""
    dag = template_of("round")["dag"]
    controls = next(task for task in dag["tasks"] if task["name"] == "controls")
    assert "gate" in controls["dependencies"] and dag["target"].split() == ["next-round", "controls"]


def test_a_sweep_runs_the_same_experiment() -> None:
    assert template_of("experiment", "sweep") == template_of("experiment", "imp")
    assert template_of("round", "sweep") == template_of("round", "imp")


def test_the_word_for_no_next_round_is_one() -> None:
    assert f"== '{NONE}'" in template_of("round")["outputs"]["parameters"][0]["valueFrom"]["expression"]


def template_of(name: str, file: str = "imp") -> Document:
    return next(each for each in read(RENDERED / "t4" / f"{file}.yaml")["spec"]["templates"] if each["name"] == name)
