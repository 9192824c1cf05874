"""The facts that `collect` and `write` take from a run, whole or not."""

from collections import Counter

import pytest

from ticketsmith.ledger import Ledger
from ticketsmith.lottery.results import Samples
from ticketsmith.lottery.steps import Benchmark, Gate, Train
from ticketsmith.report import write
from ticketsmith.stores.local import LocalStore


def test_takes_every_verdict_ticket_first(build):
    findings = build().findings
    assert [(v.level, v.arm) for v in findings.verdicts] == [
        (1, "ticket"), (1, "reinit"), (2, "ticket"), (2, "reinit"), (3, "ticket"), (3, "reinit"),
    ]  # fmt: skip
    assert (findings.missing, findings.shown.level, findings.target) == ([], 3, 3)


def test_says_which_steps_of_a_killed_run_are_missing(build):
    findings = build(missing=lambda step: isinstance(step, Gate) and step.level == 3 and step.arm == "ticket").findings
    assert findings.missing == ["cohort-00/level-03/ticket/gate"]
    assert findings.shown.level == 2


def test_an_empty_run_has_findings(build):
    findings = build(missing=lambda step: True).findings
    assert (findings.inputs, findings.verdicts, findings.dense_score, findings.speed) == ({}, [], None, None)


def test_before_the_first_gate_dense_has_a_mean_and_no_interval(build):
    dense = build(missing=lambda step: not isinstance(step, Train)).findings.dense_score
    assert (round(dense.mean, 6), dense.low, dense.n) == (0.9736, None, 5)


def test_a_stopped_run_is_not_an_unfinished_one(build):
    run = build(
        statuses=("PASS", "FAIL", "PASS"),
        options={"stop_on_fail": True},
        missing=lambda step: step.level == 3 or isinstance(step, Benchmark),
    )
    assert run.findings.stopped_at == 2
    assert run.findings.missing == [f"cohort-00/level-02/ticket/benchmark/{run.spec.benchmark.digest}"]


def test_a_diverged_replicate_is_found(build):
    lost = build(diverged={("ticket", 2): 4}).findings.diverged
    assert [(d.arm, d.level, d.replicate, d.update) for d in lost] == [("ticket", 2, 4, 40)]


def test_a_speed_changes_the_digest_though_no_manifest_holds_it(build):
    slow, fast = build(ratio=(1.0, 0.9, 1.1)).findings, build().findings
    assert slow.inputs == fast.inputs
    assert slow.digest != fast.digest


def test_writing_twice_writes_the_same_bytes(build):
    run = build()
    keys = write(run.ledger, run.spec, run.card).keys
    folder = keys["html"].removesuffix("/report.html")
    assert folder.startswith(f"{run.ledger.run_id}/report/")
    assert keys == {suffix: f"{folder}/report.{suffix}" for suffix in ("html", "json", "md")}
    assert write(run.ledger, run.spec, run.card).keys == keys  # put_once would raise Conflict on other bytes
    assert len(list(run.ledger.store.list(f"{run.ledger.run_id}/report/"))) == 3


def test_a_run_that_went_on_has_a_second_report(build):
    run, whole = build(missing=lambda step: isinstance(step, Benchmark)), build()
    assert run.ledger.run_id == whole.ledger.run_id
    assert write(run.ledger, run.spec, run.card).keys != write(whole.ledger, whole.spec, whole.card).keys


def test_writing_returns_what_it_collected_and_what_lies_in_the_store(build):
    run = build()
    written = write(run.ledger, run.spec, run.card)
    assert written.findings == run.findings
    assert written.documents == {suffix: run.ledger.store.get(key) for suffix, key in written.keys.items()}


def test_another_card_makes_another_report(build):
    run = build()
    other = run.card.model_copy(update={"summary": "another net"})
    assert write(run.ledger, run.spec, run.card).keys != write(run.ledger, run.spec, other).keys


def test_samples_are_those_of_the_tickets_training_at_the_level_shown(build):
    run = build(samples=Samples(replicate=4, agreement=None, samples=[]), missing=lambda step: step.level == 3)
    assert run.findings.samples.replicate == 4


def test_a_run_without_samples_has_none(build):
    run = build(sampled=False)
    assert run.findings.samples is None


@pytest.mark.parametrize(
    ("statuses", "stops", "level"),
    [("PASS PASS FAIL", False, 3), ("PASS FAIL PASS", True, 2), ("PASS PASS PASS", True, 3)],
)
def test_the_concluding_verdict_is_that_of_the_target_or_of_the_stop(build, statuses, stops, level):
    gone = level + 1
    run = build(
        statuses=tuple(statuses.split()), options={"stop_on_fail": stops}, missing=lambda step: step.level >= gone
    )
    assert run.findings.concluding.level == level


def test_no_artifact_is_read_twice(build):
    run = build(options={"looks": 1})
    store = Counting(run.ledger.store.url)
    write(Ledger(store, run.ledger.run_id), run.spec, run.card)
    artifacts = {key: n for key, n in store.reads.items() if not key.endswith(("/manifest.json", "/volatile.json"))}
    assert artifacts and set(artifacts.values()) == {1}


class Counting(LocalStore):
    """A store that counts what is read from it."""

    def __init__(self, root):
        super().__init__(root)
        self.reads = Counter()

    def get(self, key):
        self.reads[key] += 1
        return super().get(key)
