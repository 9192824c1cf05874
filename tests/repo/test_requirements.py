"""The pinned environment: exact, universal, and the same with and without CUDA."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ticketsmith.executors.image import brought

ROOT = Path(__file__).parents[2]
CUDA = re.compile(r"(nvidia-|cuda-|triton==)")


def lines(name: str) -> list[str]:
    return [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-cpu.txt"])
def test_everything_is_pinned_and_names_no_index(name: str) -> None:
    *pins, project = lines(name)
    assert project == "-e ."
    assert not [pin for pin in pins if not re.fullmatch(r"[a-z0-9.-]+==[^ ]+( ; .+)?", pin)]


def test_the_cpu_file_is_the_same_without_cuda() -> None:
    assert lines("requirements-cpu.txt") == [pin for pin in lines("requirements.txt") if not CUDA.match(pin)]
    assert [pin for pin in lines("requirements.txt") if CUDA.match(pin)]


def test_torch_and_torchvision_match() -> None:
    pins = dict(pin.split("==") for pin in lines("requirements.txt") if pin.startswith("torch"))
    wanted = [Requirement(each) for each in requires("torchvision") or []]
    assert all(each.specifier.contains(pins["torch"]) for each in wanted if each.name == "torch")
    from torchvision.ops import nms  # fails at import where the two were built against each other's other version

    assert nms.__module__ == "torchvision.ops.boxes"


def test_every_dependency_of_the_project_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    wanted = {
        re.split(r"[<>=\[ ]", each)[0].lower()
        for group in [*groups, project["dependency-groups"]["dev"]]
        for each in group
    }
    pinned = {pin.partition("==")[0] for pin in lines("requirements.txt")}
    assert wanted - {"ticketsmith"} <= pinned


def test_the_image_has_the_laptops_versions() -> None:
    """`images/requirements.txt` is the runner's part of `requirements.txt`: no line of its own, no command line."""
    image = lines("images/requirements.txt")
    assert set(image) <= set(lines("requirements.txt"))
    names = {pin.partition("==")[0] for pin in image}
    assert {"torch", "safetensors", "google-cloud-storage"} <= names and not {"hera", "pytest", "lightkube"} & names


def test_what_submit_takes_to_be_in_the_image_is_there() -> None:
    names = {re.split(r"[=; ]", line)[0] for line in lines("images/requirements.txt")}
    assert brought() - names == set() and {"torch", "numpy", "google-cloud-storage"} <= brought()
