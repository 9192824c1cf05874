"""From YAML and flags to a spec: whatever is wrong is said at once, and nothing that is written can do harm."""

import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ticketsmith.cli.asked import Asked
from ticketsmith.errors import UsageError
from ticketsmith.lottery.schedule import rounds
from ticketsmith.lottery.spec import Experiment
from ticketsmith.specs import assign, overrides, read_spec
from ticketsmith.yaml12 import LIMIT, read_yaml


def from_command_line(config: str | None, assignments: list[str], flags: dict[str, Any]) -> Experiment:
    return Asked(config=config, set=assignments).spec(**flags)


def refused(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_spec(None, document)
    assert problem in str(caught.value)
    assert "\n  fix: " in str(caught.value)


def test_every_problem_is_listed_at_once() -> None:
    document = {
        "sparsity": 0.8,
        "replicates": "ten",
        "gate": {"margn": 0.1},
        "training": {"optimizer": "sdg", "steps": 0},
        "pruning": {"sparsity": 1.5},
    }
    with pytest.raises(UsageError) as caught:
        read_spec(None, document)
    lines = str(caught.value).splitlines()
    assert lines[0] == "the spec is not valid:"
    assert sorted(lines[1:-1]) == [
        "  - gate.margn: unknown key. did you mean 'margin'? known: margin, loss_margin, collapse, confidence",
        "  - pruning.sparsity: expected less than 1, got 1.5",
        "  - replicates: expected a valid integer, got 'ten'",
        f"  - sparsity: unknown key. known: {', '.join(Experiment.model_fields)}",
        "  - training.optimizer: expected 'sgd', 'adam' or 'adamw', got 'sdg'",
        "  - training.steps: expected greater than or equal to 1, got 0",
    ]
    assert lines[-1] == "  fix: correct the fields above; `ticketsmith run imp --dry-run` prints a whole spec"


def test_what_no_schema_knows_is_listed_at_once_too() -> None:
    document = {
        "options": {"hiden": [3], "hidden": 3},
        "pruning": {"criterion": "magnitud", "fraction": 1e-9},
        "replicates": 3,
        "controls": ["reinit", "reinit"],
        "training": {"batch_size": 1318},
    }
    with pytest.raises(UsageError) as caught:
        read_spec(None, document)
    assert str(caught.value).splitlines()[1:-1] == [
        "  - pruning.criterion: expected one of magnitude, got 'magnitud'. did you mean 'magnitude'?",
        "  - controls: expected each one once, got ['reinit', 'reinit']",
        "  - pruning.fraction: expected at most 999 rounds to the target, got 1e-09, which takes 1609437912",
        "  - options.hiden: unknown to task digits-mlp. did you mean 'hidden'? known: hidden",
        "  - options.hidden: expected a list, got 3",
        "  - replicates: expected a multiple of 5 (digits-mlp is cross-fitted in whole cohorts of 5), got 3",
        "  - training.batch_size: expected at most the 1317 training examples, got 1318",
    ]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"sede": 1}, "sede: unknown key. did you mean 'seed'?"),
        ({"training": {"lerning_rate": 1}}, "training.lerning_rate: unknown key. did you mean 'learning_rate'?"),
        ({"pruning": {"sparsity": 1.5}}, "pruning.sparsity: expected less than 1, got 1.5"),
        ({"pruning": {"sparsity": 0}}, "pruning.sparsity: expected greater than 0, got 0"),
        ({"pruning": {"sparsity": "0.8"}}, "pruning.sparsity: expected a valid number, got '0.8'"),
        ({"pruning": {"fraction": 1e-17}}, "pruning.fraction: expected at most 999 rounds to the target, got 1e-17"),
        ({"replicates": True}, "replicates: expected a valid integer, got True"),
        ({"replicates": 5.5}, "replicates: expected a valid integer"),
        ({"replicates": None}, "replicates: expected a valid integer, got None"),
        ({"stop_on_fail": 1}, "stop_on_fail: expected a valid boolean, got 1"),
        ({"stop_on_fail": "yes"}, "stop_on_fail: expected a valid boolean, got 'yes'"),
        ({"task": "digit-mlp"}, "no task 'digit-mlp'\n  fix: did you mean 'digits-mlp'? choose from ddpm-digits, "),
        ({"task": "../digits_mlp"}, "../digits_mlp: there is no such file"),
        ({"task": None}, "task: expected a name, got None\n  fix: for example --task flowers.py"),
        ({"task": ["digits-mlp"]}, "task: expected a name, got ['digits-mlp']"),
        (
            {"task": [1] * 999},
            "task: expected a name, got [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,...",
        ),
        ({"replicates": 3}, "replicates: expected a multiple of 5 (digits-mlp is cross-fitted"),
        ({"model": {"hidden": [3]}}, "model: unknown key. known: task, sources, seed,"),
        ({"options": {"width": 3}}, "options.width: unknown to task digits-mlp. known: hidden"),
        ({"pruning": {"criterion": "taylor"}}, "pruning.criterion: expected one of magnitude, got 'taylor'"),
        (
            {"controls": ["lucky"]},
            "controls.0: expected 'reinit', 'random', 'lr-rewind', 'finetune' or 'smaller', got 'lucky'",
        ),
        ({"controls": "reinit"}, "controls: expected a valid array, got 'reinit'"),
        (
            {"controls": ["finetune"], "training": {"schedule": "cosine"}},
            "controls: finetune keeps the last learning rate; with",
        ),
        (
            {"training": {"nesterov": True}},
            "training.nesterov: expected false unless optimizer is sgd and momentum above 0, got true with adam and ",
        ),
        ({"training": {"nesterov": True, "optimizer": "sgd"}}, "above 0, got true with sgd and momentum 0"),
        ({"training": {"nesterov": 1}}, "training.nesterov: expected a valid boolean, got 1"),
        ({"training": {"weight_decay": -0.1}}, "training.weight_decay: expected greater than or equal to 0, got -0.1"),
        ({"training": {"clip": 0}}, "training.clip: expected greater than 0, got 0"),
        ({"training": {"clip": float("inf")}}, "training.clip: expected a finite number, got inf"),
        ({"training": {"warmup": -1}}, "training.warmup: expected greater than or equal to 0, got -1"),
        ({"training": {"warmup": 360}}, "training.warmup: expected fewer than steps (360), got 360"),
        (
            {"training": {"schedule": "milestones"}},
            "training.milestones: expected at least one with schedule milestones, got []",
        ),
        (
            {"training": {"schedule": "step", "milestones": [9]}},
            "training.milestones: expected none with schedule step, got [9]",
        ),
        (
            {"training": {"schedule": "milestones", "milestones": [9, 9]}},
            "training.milestones: expected ascending numbers below steps (360), got [9, 9]",
        ),
        (
            {"training": {"schedule": "milestones", "milestones": [9, 360]}},
            "training.milestones: expected ascending numbers below steps (360), got [9, 360]",
        ),
        ({"training": {"milestones": [0]}}, "training.milestones.0: expected greater than or equal to 1, got 0"),
        ({"training": {"milestones": list(range(1, 12))}}, "training.milestones: "),
        ({"training": {"schedule": "linear"}}, "'cosine' or 'milestones', got 'linear'"),
        ({"pruning": {"rewind_to": 360}}, "pruning.rewind_to: expected fewer than training.steps (360), got 360"),
        ({"pruning": {"rewind_to": -1}}, "pruning.rewind_to: expected greater than or equal to 0, got -1"),
        ({"training": {"batch_size": 99999}}, "training.batch_size: expected at most the 1317 training examples"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate: expected a finite number, got nan"),
        ({"training": {"learning_rate": float("inf")}}, "training.learning_rate: expected a finite number, got inf"),
        ({"gate": {"loss_margin": float("inf")}}, "gate.loss_margin: expected a finite number, got inf"),
        ({"gate": {"confidence": 1}}, "gate.confidence: expected less than or equal to 0.999999, got 1"),
        ({"gate": {"margin": 0}}, "gate.margin: expected greater than 0, got 0"),
        ({"benchmark": {"batch_sizes": []}}, "benchmark.batch_sizes: "),
        ({"benchmark": {"batch_sizes": [0]}}, "benchmark.batch_sizes.0: expected greater than or equal to 1, got 0"),
        ({"benchmark": {"replicate": 10}}, "benchmark.replicate: expected a number below 10, got 10"),
        ({"benchmark": {"backends": ["codgen"]}}, "got 'codgen'. did you mean"),
        ({"benchmark": {"precision": ["int8"]}}, "benchmark.precision: expected [fp32] or [fp32, int8]"),
        ({"benchmark": {"precision": ["fp32", "fp32"]}}, "benchmark.precision: expected [fp32] or [fp32, int8]"),
        ({"benchmark": {"precision": []}}, "benchmark.precision: expected [fp32] or [fp32, int8]"),
        ({"benchmark": {"precision": ["fp16"]}}, "benchmark.precision.0: expected 'fp32' or 'int8', got 'fp16'"),
        (
            {"benchmark": {"precision": ["fp32"], "backends": ["ticket-int8"]}},
            "benchmark.backends: expected none in int8",
        ),
        ({"benchmark": {"precision": ["fp32"], "ranges": "static"}}, "benchmark.ranges: expected dynamic"),
        ({"benchmark": {"ranges": "fixed"}}, "benchmark.ranges: expected 'dynamic' or 'static', got 'fixed'"),
        ({"benchmark": {"seconds": 0}}, "benchmark.seconds: expected greater than 0, got 0"),
        ({"seed": 2**63}, "seed: expected less than 9223372036854775808, got 9223372036854775808"),
        ({"seed": -1}, "seed: expected greater than or equal to 0, got -1"),
        ({"training": {"steps": 10**300}}, "training.steps: expected less than or equal to 1000000000, got 1000"),
        ({"training": {"learning_rate": 10**400}}, "training.learning_rate: expected a finite number, got 1000"),
        ({"training": []}, "training: expected an object, got []"),
        ({"training": None}, "training: expected an object, got None"),
        ({"training": 3}, "training: expected an object, got 3"),
        ({"options": "mlp"}, "options: expected an object, got 'mlp'"),
        ({"options": {"hidden": {"a": {"b": 1}}}}, "options.hidden: expected a list, got {'a': {'b': 1}}"),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
def test_a_bad_field_is_named_with_what_was_expected_and_what_came(document: dict[str, Any], problem: str) -> None:
    refused(document, problem)


# --- YAML -------------------------------------------------------------------------------------------------------------

LAUGHS = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in pairwise("abcdefghi"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("seed: 1\nseed: 2\n", "key 'seed' stands twice"),
        ("options: {name: mlp, name: mlp}", "key 'name' stands twice"),
        ("seed: &a 1\nreplicates: *a\n", "aliases (*name) are not allowed"),
        (LAUGHS, "aliases (*name) are not allowed"),
        ("training: {<<: {steps: 1}}", "could not determine a constructor"),
        ("seed:\t1\n\tseed: 2\n", "found character '\\t' that cannot start any token"),
        ("gate: {margin: .nan}", "gate.margin: expected a finite number, got nan"),
        ("gate: {margin: -.inf}", "gate.margin: expected a finite number, got -inf"),
        ("gate: {margin: 1e999}", "gate.margin: expected a finite number, got inf"),
        ("stop_on_fail: yes", "stop_on_fail: expected a valid boolean, got 'yes'"),
        ("stop_on_fail: 2001-01-01", "stop_on_fail: expected a valid boolean, got '2001-01-01'"),
        ("seed: 0x10", "seed: expected a valid integer, got '0x10'"),
        ("seed: 1_000", "seed: expected a valid integer, got '1_000'"),
        ("seed: 1:30", "seed: expected a valid integer, got '1:30'"),
        ("seed: " + "9" * 10_000, "seed: expected a valid integer, got inf"),
        ("seed: " + "9" * 400, "seed: expected less than 9223372036854775808, got 999"),
        ("", "expected `key: value` lines at the top"),
        ("# nothing\n", "expected `key: value` lines at the top"),
        ("- seed", "expected `key: value` lines at the top"),
        ("seed", "expected `key: value` lines at the top"),
        ("seed: 1\n---\nseed: 2\n", "expected a single document"),
        ("1: 2", "expected a name as key, got 1"),
        ("training: {null: 1}", "expected a name as key, got None"),
        ("training: {true: 1}", "expected a name as key, got True"),
        ("? [1, 2]\n: 3", "expected a name as key, got [1, 2]"),
        ("training: {!!timestamp 2001-01-01: 1}", "tags (!name) are not allowed"),
        ("task: !!bool maybe", "tags (!name) are not allowed"),
        ("task: !!timestamp never", "tags (!name) are not allowed"),
        ("task: !!set [a]", "tags (!name) are not allowed"),
        ("task: !!python/object/apply:os.system [true]", "tags (!name) are not allowed"),
        ("task: !own x", "tags (!name) are not allowed"),
        ('task: "\\ud800"', "surrogates not allowed"),
        ('"\\ud800": 1', "surrogates not allowed"),
        ('task: "\\UFFFFFFFF"', "is not a YAML spec: "),
        ("task: " + "[" * 5_000, "is not a YAML spec: maximum recursion depth exceeded"),
        ("options: " + "[" * 250 + "]" * 250, "nested too deeply"),
        ("task: " + "[" * 250 + "]" * 250, "task: expected a name, got [[[["),
        ("? " * 3_000, "is not a YAML spec: maximum recursion depth exceeded"),
        ("a: 1\n" * (LIMIT // 5 + 1), f"bytes, expected at most {LIMIT}"),
        ("".join(f"k{i}: 1\n" for i in range(6_000)), "  - and 5900 more"),
        ("{" * 9, "is not a YAML spec: "),
        ("%TAG", "is not a YAML spec: "),
    ],
    ids=lambda value: value[:24],
)
def test_an_odd_document_is_refused_in_no_time(tmp_path: Path, text: str, problem: str) -> None:
    began = time.monotonic()
    with pytest.raises(UsageError) as caught:
        read_spec(write(tmp_path, text.encode()), {})
    assert problem in str(caught.value)
    assert len(str(caught.value)) < 20_000
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe\x00", b"\x80", b"seed: 1\x00", bytes(range(256)), "seed: 1".encode("utf-16"), b"a" * (2 << 20)],
    ids=["half a mark", "no text", "NUL", "all bytes", "utf-16", "2 MiB"],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UsageError):
        read_spec(write(tmp_path, data), {})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1.0e-3", 1e-3), (".5", 0.5), ("5.", 5.0), ("+1", 1), ("017", 17), ("0x1F", "0x1F"),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("true", True), ("False", False), ("tRUE", "tRUE"),
        ("null", None), ("~", None), ("2001-01-01", "2001-01-01"), ("12:30:45", "12:30:45"), ("1_0", "1_0"),
        ("[1, 2.5, x]", [1, 2.5, "x"]), ('"1"', "1"), ("'yes'", "yes"), ("-.inf", float("-inf")),
    ],
)  # fmt: skip
def test_a_value_reads_as_yaml_1_2_says(text: str, value: object) -> None:
    read = read_yaml(text.encode())
    assert read == value and type(read) is type(value)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    assert read_spec(write(tmp_path, b"\xef\xbb\xbfseed: 7\r\n"), {}).seed == 7


@pytest.mark.parametrize("path", ["missing.yaml", ".", "missing/spec.yaml", ""])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"^cannot read {re.escape(path)}: .*\n  fix: give the path of a YAML spec"):
        read_spec(path, {})


# --- fuzz: a spec or a UsageError, whatever is in the file ------------------------------------------------------------

FUZZ = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
paths = st.sampled_from(
    [*Experiment.model_fields, "training.steps", "options.hidden", "pruning.sparsity", "gate.margin"]
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(allow_subnormal=False),
    st.text(max_size=8),
    st.dates(),
    st.binary(max_size=8),
    st.sampled_from(["digits-mlp", "reinit", "mlp", 0.5, 5]),
)
names = st.one_of(paths, st.sampled_from(["steps", "sparsity", "name", "hidden", "batch_sizes"]), st.text(max_size=5))
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=20
)
yamlish = st.text(st.sampled_from("abe01.:-+_[]{},&*!|>%@`'\"#?~ \n\t\ufeff\u2028\x00é"), max_size=60)


@FUZZ
@given(text=st.one_of(yamlish, st.text(max_size=200)), data=st.binary(max_size=200))
def test_any_text_is_a_spec_or_a_usage_error(tmp_path: Path, text: str, data: bytes) -> None:
    for written in (text.encode(errors="surrogatepass"), b"seed: " + text.encode(errors="surrogatepass"), data):
        harmless(write(tmp_path, written), {})


@FUZZ
@given(document=st.dictionaries(names, documents, max_size=5))
def test_any_document_is_a_spec_or_a_usage_error(tmp_path: Path, document: dict[str, Any]) -> None:
    harmless(write(tmp_path, yaml.safe_dump(document).encode(errors="surrogatepass")), {})
    harmless(None, document)


@FUZZ
@given(assignments=st.lists(st.builds("{}={}".format, paths | st.text(max_size=5), yamlish), max_size=3))
def test_any_assignment_is_a_spec_or_a_usage_error(assignments: list[str]) -> None:
    try:
        given_values = overrides(assign(assignments))
    except UsageError:
        return
    harmless(None, given_values)


def harmless(path: str | None, over: dict[str, Any]) -> None:
    try:
        spec = read_spec(path, over)
    except UsageError as error:
        problem, fix = error.args
        assert problem and fix
    else:
        assert spec == Experiment.model_validate_json(spec.model_dump_json())
        assert 1 <= rounds(spec.pruning) <= 999


# --- what overrides what ----------------------------------------------------------------------------------------------


def test_a_file_lies_over_the_task_and_the_task_over_the_defaults(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path, b"task: digits-mlp\ntraining: {steps: 7}\n"), {})
    assert (spec.training.steps, spec.training.batch_size, spec.training.evaluate_every) == (7, 64, 20)
    assert (spec.training.momentum, spec.pruning.sparsity) == (0.0, 0.8)


def test_flags_override_set_and_set_overrides_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, b"seed: 1\nreplicates: 15\npruning: {sparsity: 0.5, fraction: 0.4, output_rate: 1}\n")
    flags = {"pruning.sparsity": 0.7, "task": None, "seed": None}
    one_by_one = ["pruning.sparsity=0.6", "pruning.fraction=0.3", "seed=2"]
    for order in (one_by_one, one_by_one[::-1], ["seed=2", "pruning={sparsity: 0.6, fraction: 0.3}"]):
        spec = from_command_line(path, order, flags)
        assert (spec.pruning.sparsity, spec.pruning.fraction, spec.pruning.output_rate) == (0.7, 0.3, 1)
        assert (spec.seed, spec.replicates, spec.task) == (2, 15, "digits-mlp")


def test_a_flag_overrides_a_whole_section_that_is_set_after_its_field() -> None:
    assignments = ["pruning.sparsity=0.5", "pruning={sparsity: 0.6}"]
    assert from_command_line(None, assignments, {"pruning.sparsity": 0.7}).pruning.sparsity == 0.7
    assert from_command_line(None, assignments, {}).pruning.sparsity == 0.6


def test_set_reads_yaml_values() -> None:
    assignments = [
        "controls=[reinit, random]",
        "gate.loss_margin=null",
        "gate.margin=1e-2",
        "options.a=b",
        "a=b=c",
    ]
    assert assign(assignments) == {
        "controls": ["reinit", "random"],
        "gate.loss_margin": None,
        "gate.margin": 0.01,
        "options.a": "b",
        "a": "b=c",
    }


@pytest.mark.parametrize(
    ("assignment", "problem"),
    [
        ("seed", "--set: expected KEY=VALUE, got 'seed'"),
        ("=1", "--set: expected KEY=VALUE, got '=1'"),
        ("seed=[", "--set: not a YAML value"),
        ("seed=*a", "--set: not a YAML value: aliases"),
        ("seed=" + "[" * 3_000, "--set: not a YAML value: maximum recursion depth exceeded"),
        ("sed=1", "sed: unknown key. did you mean 'seed'?"),
        ("training..steps=1", "training.: unknown key"),
        ("training.steps.more=1", "training.steps: expected a valid integer, got {'more': 1}"),
        ("pruning.sparsity=1.5", "pruning.sparsity: expected less than 1, got 1.5"),
        ("pruning.sparsity=", "pruning.sparsity: expected a valid number, got None"),
    ],
    ids=lambda value: value[:20],
)
def test_a_bad_assignment_is_refused(assignment: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_command_line(None, [assignment], {})
    assert problem in str(caught.value)


def write(folder: Path, data: bytes) -> str:
    path = folder / "spec.yaml"
    path.write_bytes(data)
    return str(path)


def test_problems_of_the_schema_do_not_hide_the_others() -> None:
    with pytest.raises(UsageError) as caught:
        read_spec(None, {"replicates": 3, "options": {"nam": "mpl"}, "gate": {"margn": 0.1}, "controls": ["renit"]})
    problems = str(caught.value).splitlines()[1:-1]
    assert sorted(problem.split(":")[0].strip(" -") for problem in problems) == [
        "controls.0", "gate.margn", "options.nam", "replicates",
    ]  # fmt: skip
