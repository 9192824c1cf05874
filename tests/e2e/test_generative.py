"""Generative tasks in pods, at toy size: the same bytes as on this machine, and what they drew in Argo's interface."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ..browser import chromium, complaints
from .conftest import Cluster, Local, fresh, record
from .page import opened, pictured, report, visitor

QUICK = (
    *("--set", "benchmark.rounds=2", "--set", "benchmark.batch_sizes=[1]", "--set", "benchmark.precision=[fp32]"),
    *("--set", "controls=[reinit]"),
)
IMAGES = (
    *("--task", "vae-digits", "--sparsity", "0.2", "--replicates", "5", "--set", "options.hidden=64"),
    *("--set", "training.steps=300", "--set", "pruning.rewind_to=20", *QUICK),
)
TEXTS = (
    *("--task", "gpt-char", "--sparsity", "0.3", "--replicates", "1", "--set", "options.layers=1"),
    *("--set", "options.width=16", "--set", "options.heads=2", "--set", "training.steps=30"),
    *("--set", "training.warmup=2", "--set", "training.evaluate_every=15", "--set", "pruning.rewind_to=4", *QUICK),
)
"""So few updates do not beat a trigram model, so the run is INVALID; samples and report are there all the same."""
UNITS = {IMAGES: "image", TEXTS: "token"}
LOCAL = tuple(UNITS)


@pytest.fixture(scope="module")
def ran(
    installed: dict[str, str], local: Callable[[tuple[str, ...]], Local]
) -> tuple[Cluster, dict[tuple[str, ...], Local]]:
    """Both runs on one cluster, side by side."""
    cluster = fresh(installed)
    for spec in UNITS:
        assert cluster.ticketsmith("submit", "imp", *spec).code == 0
    here = {spec: local(spec) for spec in UNITS}
    watched = {spec: cluster.ticketsmith("watch", each.run) for spec, each in here.items()}
    assert [done.code for done in watched.values()] == [each.code for each in here.values()] == [0, 8]
    return cluster, here


@pytest.mark.parametrize("spec", UNITS, ids=UNITS.get)
def test_what_pods_made_has_the_bytes_of_this_machine(ran, spec, tmp_path: Path) -> None:
    cluster, here = ran[0], ran[1][spec]
    fetched = cluster.ticketsmith("fetch", here.run, "--to", str(tmp_path))
    assert fetched.code == 0, fetched.stderr
    mine = record(here.store, here.run)
    assert record(tmp_path, here.run) == mine and any(name.endswith("samples.json") for name in mine)
    bill = cluster.ticketsmith("cost", here.run, "--store", str(tmp_path), "--price", "1", "-o", "json").json
    assert bill["unit"] == UNITS[spec] and {arm["arm"] for arm in bill["arms"]} >= {"dense", "ticket"}


@pytest.mark.parametrize("spec", UNITS, ids=UNITS.get)
def test_what_arms_drew_is_shown_in_argos_interface(ran, spec) -> None:
    cluster, here = ran[0], ran[1][spec]
    address = str(cluster.status(here.run)["link"])
    with chromium() as browser:
        page = visitor(browser, address)
        said = complaints(page)
        opened(page, address)
        figure = report(page).locator(".samples.made figure").first
        figure.scroll_into_view_if_needed(timeout=30_000)
        pictured(page, f"argo-{UNITS[spec]}")
        assert figure.locator("b").all_inner_texts() == ["dense", "ticket", "reinit"]
        assert figure.locator("svg" if UNITS[spec] == "image" else "pre").count() == 3
        assert said == []
