"""What the tests of the SDK share: stores to tamper with, and processes without root's pass."""

import os
from pathlib import Path
from shutil import which

import pytest

from ticketsmith.stores import Store, open_store


@pytest.fixture(params=["local", "gcs", "emulated"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each back-end; the bucket is in our own server, and once more in one that others wrote."""
    match request.param:
        case "local":
            url = str(tmp_path / "store")
        case "gcs":
            request.getfixturevalue("gcs")
            url = "gs://bucket/some/prefix"
        case _:
            url = request.getfixturevalue("emulated")
    return open_store(url)


@pytest.fixture(scope="session")
def bound() -> list[str]:
    """What to put before a command so that file permissions hold for it: they do not for root."""
    if os.geteuid() != 0:
        return []
    if not which("setpriv"):
        pytest.skip("root without setpriv: permissions cannot be made to hold")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
