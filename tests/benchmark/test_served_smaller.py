"""Smaller dense networks make tokens and images beside dense and ticket."""

from typing import Any

import pytest
import torch
from torch import nn

from ticketsmith_runner.served import served
from ticketsmith_runner.served.smaller import ladder
from ticketsmith_runner.subject import Subject
from ticketsmith_runner.tasks import Task
from ticketsmith_runtime.kernels._isa import AVX2

from ..runtime.machines import HOST
from .test_served import EXAMPLES, FEW, FOUND, SHARED, arms, subject_of

OPTIONS: dict[str, dict[str, Any]] = {"vae": {"hidden": 16}, "char_gpt": {"width": 8}}


class Make:
    """The task's network, or a rung of its ladder; by name, so that it crosses a pipe."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, rung: str | None = None) -> nn.Module:
        made: nn.Module = Task(str(EXAMPLES), self.name).model(OPTIONS[self.name] if rung else {}, 7)
        return made.eval().requires_grad_(False)


def rung_of(make: Make, subject: Subject) -> Subject:
    small = make(rung="smaller")
    return Subject(replicate=0, dense=small, masked=small, masks={}, inputs=subject.inputs)


def test_images_by_a_network_of_fewer_units_in_fresh_processes() -> None:
    task, make = Task(str(EXAMPLES), "vae"), Make("vae")
    subject = subject_of(task, torch.rand(8, 64).round())
    rungs = {"smaller": rung_of(make, subject)}
    found = served(FOUND, task, subject, make, ["pytorch", "codegen"], SHARED, rungs)
    assert arms(found) == {"dense": "pytorch", "ticket": "codegen", "smaller": "smaller/pytorch"}
    dense, ticket, smaller = found.rows
    assert smaller.bytes and dense.bytes and smaller.bytes < dense.bytes
    assert {ratio.to for ratio in ticket.ratios} == {"dense", "smaller"} and smaller.seconds.n == 3


@pytest.mark.skipif(not HOST.has(*AVX2.features), reason="the runtime's code needs AVX2")
def test_tokens_by_a_network_of_fewer_channels() -> None:
    task, make = Task(str(EXAMPLES), "char_gpt"), Make("char_gpt")
    subject = subject_of(task, torch.randint(0, 128, (4, 32)))
    found = served(FOUND, task, subject, make, [], FEW, {"smaller": rung_of(make, subject)})
    assert set(arms(found)) >= {"dense", "ticket", "smaller"} and arms(found)["smaller"].startswith("smaller/")
    assert found.unit == "token" and not found.refused


def test_a_rung_that_makes_no_unit_keeps_nobody_from_it() -> None:
    task, make = Task(str(EXAMPLES), "vae"), Make("vae")
    subject = subject_of(task, torch.rand(8, 64).round())
    silent = nn.Identity()
    rungs = {"half": Subject(replicate=0, dense=silent, masked=silent, masks={}, inputs=subject.inputs)}
    found = served(FOUND, task, subject, make, ["pytorch", "codegen"], FEW, rungs)
    assert set(arms(found)) == {"dense", "ticket"}
    assert [refusal.backend for refusal in found.refused] == ["half"]


def test_names_choose_among_the_ways_of_each_rung() -> None:
    asked: list[Any] = []

    class Silent:
        def ways(self, names: Any = None) -> Any:
            asked.append(names)
            return [], []

    both = ladder(Silent(), ["half", "double"], lambda rung: Silent())
    assert both.ways(["pytorch", "double/openvino"]) == ([], [])
    assert asked == [["pytorch", "double/openvino"], [], ["openvino"]]
