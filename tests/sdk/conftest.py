"""What the tests of the SDK share: stores to tamper with, and processes without root's pass."""

import os
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest

from ticketsmith.stores import Store
from ticketsmith.stores.local import LocalStore

BACKENDS: dict[str, Callable[[Path], Store]] = {"local": LocalStore}


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each back-end."""
    return BACKENDS[request.param](tmp_path / "store")


@pytest.fixture(scope="session")
def bound() -> list[str]:
    """What to put before a command so that file permissions hold for it: they do not for root."""
    if os.geteuid() != 0:
        return []
    if not which("setpriv"):
        pytest.skip("root without setpriv: permissions cannot be made to hold")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
