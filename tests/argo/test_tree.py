"""A Workflow, read: what is preempted, tried again and failed are told apart, and shown apart."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from ticketsmith.argo.tree import tree
from ticketsmith.cli.attach import without_machine
from ticketsmith.cli.board import Board
from ticketsmith.errors import Retryable

from .workflows import PREEMPTED, RUNNING, SUCCEEDED, pod, workflow

ENDS = [
    ({"phase": "Pending"}, "waiting"),
    ({"phase": "Running"}, "running"),
    (SUCCEEDED, "done"),
    ({"phase": "Failed", "exit": "75", "message": "main: Error (exit code 75)"}, "preempted"),
    ({"phase": "Failed", "exit": "143", "message": "main: Error (exit code 143)"}, "preempted"),
    ({"phase": "Failed", "exit": "137", "message": "main: Error (exit code 137)"}, "preempted"),
    (PREEMPTED, "preempted"),
    ({"phase": "Failed", "message": "Pod was terminated in response to imminent node shutdown."}, "preempted"),
    ({"phase": "Failed", "message": "Pod was rejected: Predicate NodeAffinity failed"}, "preempted"),
    ({"phase": "Failed", "exit": "3", "message": "main: Error (exit code 3)"}, "retried"),
    ({"phase": "Error", "message": "failed to put file: 503"}, "retried"),
    ({"phase": "Failed", "exit": "1", "message": "main: Error (exit code 1)"}, "failed"),
    ({"phase": "Failed", "exit": "70", "message": "main: Error (exit code 70)"}, "failed"),
    ({"phase": "Failed", "exit": "137", "message": "main: OOMKilled (exit code 137)"}, "failed"),
    ({"phase": "Failed", "exit": "143", "message": "Pod was active on the node longer than the deadline"}, "failed"),
    ({"phase": "Failed", "message": "timeout"}, "failed"),
    ({"phase": "Failed", "exit": "3", "message": "main: Error (exit code 3): error: 403 forbidden"}, "retried"),
    ({"phase": "Failed", "exit": "5", "message": "main: Error (exit code 5): error: it was Evicted"}, "failed"),
    ({"phase": "Failed", "message": "workflow shutdown with strategy:  Stop"}, "stopped"),
    ({"phase": "Error", "message": 'pods "x" is forbidden: violates PodSecurity'}, "failed"),
]


@pytest.mark.parametrize(("attempt", "end"), ENDS, ids=[f"{end}-{number}" for number, (_, end) in enumerate(ENDS)])
def test_how_an_attempt_ended(attempt: dict[str, str], end: str) -> None:
    (part,) = tree(workflow("r", pod("chain", 1, "ticket", attempt))).parts
    assert [each.end for each in part.attempts] == [end]


def test_attempts_are_counted_by_how_they_ended() -> None:
    seen = tree(workflow("r", pod("chain", 1, "ticket", PREEMPTED, {"phase": "Failed", "exit": "3"}, SUCCEEDED)))
    (part,) = seen.parts
    assert (seen.count("preempted"), seen.count("retried"), seen.count("failed"), seen.count("done")) == (1, 1, 0, 1)
    assert part.attempts[0].seconds == 30.0 and part.phase == "Succeeded"


def test_what_somebody_stopped_was_neither_lost_nor_failed() -> None:
    """As a real run was left: pods that ended by the signal, one that waited, and a part that had none yet."""
    by_signal = {"phase": "Failed", "exit": "75", "message": "main: Error (exit code 75)"}
    waited = {"phase": "Failed", "message": "workflow shutdown with strategy:  Stop"}
    none = pod("gate", 1, "ticket")
    none["gate-1-ticket"] |= {"phase": "Failed", "message": "Stopped with strategy 'Stop'"}
    parts = [pod("chain", 1, "reinit", PREEMPTED, by_signal), pod("chain", 2, "ticket", waited), none]
    stopped = workflow("r", *parts, phase="Failed", spec={"arguments": {}, "shutdown": "Stop"})
    seen = tree(stopped)
    assert (seen.count("preempted"), seen.count("failed"), seen.count("stopped")) == (1, 0, 2)
    assert all(part.stopped for part in seen.parts)
    assert list(Board().see(seen)) == [
        "level 1 reinit: stopped (1x preempted)",
        "level 1 gate: stopped",
        "level 2 ticket: stopped",
    ]
    assert tree(workflow("r", parts[0], phase="Failed")).count("preempted") == 2, "nobody stopped it"


def test_a_workflow_that_the_controller_has_not_seen_is_pending() -> None:
    seen = tree({"metadata": {"name": "r", "labels": {}}, "spec": {}})
    assert (seen.phase, seen.parts, seen.run) == ("Pending", (), "r")


def test_a_skipped_step_is_no_part() -> None:
    node = {"id": "x", "type": "Skipped", "phase": "Skipped", "templateName": "chain", "inputs": None}
    assert tree(workflow("r", {"x": node})).parts == ()


def drawn(board: Board) -> str:
    console = Console(width=100, file=StringIO())
    console.print(board)
    return str(console.file.getvalue())


def test_the_board_shows_rounds_and_losses_and_says_each_change_once() -> None:
    board = Board()
    dense = pod("chain", 0, "dense", SUCCEEDED, score="97.12 %", status="none")
    first = workflow("r", dense, pod("chain", 1, "ticket", PREEMPTED, RUNNING))
    assert list(board.see(tree(first))) == ["level 0 dense: 97.12 %", "level 1 ticket: running 2/5 (1x preempted)"]
    assert list(board.see(tree(first))) == []
    ticket = pod("chain", 1, "ticket", PREEMPTED, SUCCEEDED, score="96.80 %", status="none")
    gate = pod("gate", 1, "ticket", SUCCEEDED, status="UNDECIDED", sparsity="0.2")
    control = pod("chain", 1, "reinit", {"phase": "Failed", "exit": "1", "message": "main: Error (exit code 1)"})
    assert list(board.see(tree(workflow("r", dense, ticket, gate, control)))) == [
        "level 1 ticket: 96.80 % (1x preempted)",
        "level 1 reinit: failed: main: Error (exit code 1)",
        "level 1 gate: UNDECIDED",
    ]
    text = drawn(board)
    assert "level  sparsity" in text and "20.0%" in text and "96.80 % (1x preempted) UNDECIDED" in text
    assert "running, 1 preempted, 1 failed" in text


def test_cohorts_are_told_apart_and_come_one_after_another() -> None:
    board, done = Board(), {"phase": "Succeeded"}
    parts = [
        pod("benchmark", 1, "ticket", done, cohort=1),
        pod("chain", 0, "dense", done, cohort=1, score="97.00 %"),
        pod("gate", 1, "ticket", done, status="UNDECIDED", sparsity="0.2"),
        pod("chain", 1, "ticket", done, score="96.00 %"),
        pod("chain", 0, "dense", done, score="98.00 %"),
    ]
    assert list(board.see(tree(workflow("r", *parts)))) == [
        "level 0 dense: 98.00 %",
        "level 1 ticket: 96.00 %",
        "level 1 gate: UNDECIDED",
        "cohort 1 level 0 dense: 97.00 %",
        "cohort 1 level 1 benchmark: done",
    ]
    lines = [line.split() for line in drawn(board).splitlines()]
    assert lines[:4] == [
        ["cohort", "level", "sparsity", "ticket"],
        ["0", "dense", "0.0%", "98.00", "%"],
        ["0", "1", "20.0%", "96.00", "%", "UNDECIDED"],
        ["1", "dense", "0.0%", "97.00", "%"],
    ]


LOCK = "Waiting for argo/ConfigMap/ticketsmith-limits/gpu-t4 lock. Lock status: 0/1"


def test_the_board_says_what_is_waited_for() -> None:
    """A lock is told on the part, before there is any pod; a machine on the pod."""
    benchmark = pod("benchmark", 1, "ticket")
    benchmark["benchmark-1-ticket"] |= {"phase": "Pending", "message": LOCK}
    nowhere = {"phase": "Pending", "message": "Unschedulable: 0/2 nodes are available"}
    seen = tree(workflow("r", pod("chain", 0, "dense", nowhere), benchmark))
    board = Board()
    assert list(board.see(seen)) == [
        "level 0 dense: waiting: Unschedulable: 0/2 nodes are available",
        "  fix: it goes on by itself once a node is free; where no pool has such machines, choose another --profile",
        f"level 1 benchmark: waiting: {LOCK}",
        "  fix: it goes on by itself once the runs before it are done; `ticketsmith list --cluster` shows them",
    ]
    text = " ".join(drawn(board).split())
    assert "Unschedulable: 0/2 nodes" in text and LOCK in text
    assert seen.reason == "level 0 dense: Unschedulable: 0/2 nodes are available"


def test_a_part_that_works_waits_for_nothing() -> None:
    busy = tree(workflow("r", pod("chain", 0, "dense", RUNNING | {"message": "PodInitializing"})))
    assert busy.reason == "" and busy.parts[0].reason == ""


BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "since", "ends"),
    [
        ("Unschedulable: 0/2 nodes are available", 0, True),
        ("Unschedulable: 0/2 nodes are available", 10, False),  # who comes back later waits anew
        (LOCK, 0, False),
        ("ImagePullBackOff: x", 0, False),
    ],
)
def test_who_watches_does_not_wait_for_a_machine_for_ever(message: str, since: int, ends: bool) -> None:
    """Seen on a real cluster with 20 s: a pod that no node takes ends the watching, a lock that is taken does not."""
    seen = tree(workflow("r", pod("benchmark", 1, "ticket", {"phase": "Pending", "message": message})))
    began, now = BEGAN + timedelta(minutes=since), BEGAN + timedelta(minutes=46)
    if not ends:
        return without_machine(seen, began, now)
    with pytest.raises(Retryable, match="level 1 benchmark: no machine in 45 minutes") as raised:
        without_machine(seen, began, now)
    assert "--max-hours" in raised.value.args[1]


NOWHERE = "Unschedulable: 0/2 nodes are available"


def test_what_has_not_begun_or_has_failed_does_not_wait_for_a_machine() -> None:
    pending, over = pod("chain", 1, "ticket", {"phase": "Pending", "message": NOWHERE}), {"phase": "Failed"}
    pending["chain-1-ticket-0"]["startedAt"] = None
    failed = pod("benchmark", 1, "ticket", over | {"message": NOWHERE})
    failed["benchmark-1-ticket"] |= over
    seen = tree(workflow("r", pending, failed))
    begun = [bool(part.attempts[-1].started) for part in seen.parts]
    assert begun == [False, True] and {part.reason for part in seen.parts} == {NOWHERE}
    without_machine(seen, BEGAN, BEGAN + timedelta(days=1))
