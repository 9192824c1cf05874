"""The contract of a store, and what only a folder on a disk can suffer: races, kills, full disks, permissions."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from ticketsmith.errors import Conflict, UsageError
from ticketsmith.stores import Store, open_store
from ticketsmith.stores.local import TEMPORARY, LocalStore

# --- every back-end ---------------------------------------------------------------------------------------------------


def test_what_is_put_is_there(store: Store) -> None:
    assert not store.exists("a/b")
    store.put_once("a/b", b"\x00bytes")
    assert store.exists("a/b")
    assert store.get("a/b") == b"\x00bytes"


def test_no_bytes_are_bytes(store: Store) -> None:
    store.put_once("empty", b"")
    assert store.exists("empty")
    assert store.get("empty") == b""


def test_the_same_bytes_again_are_fine(store: Store) -> None:
    store.put_once("a", b"one")
    store.put_once("a", b"one")
    assert store.get("a") == b"one"


@pytest.mark.parametrize("other", [b"two", b"", b"one "])
def test_other_bytes_are_a_conflict_and_change_nothing(store: Store, other: bytes) -> None:
    store.put_once("a", b"one")
    with pytest.raises(Conflict, match="already holds other bytes; it was not changed\n  fix: "):
        store.put_once("a", other)
    assert store.get("a") == b"one"
    assert list(store.list()) == ["a"]


@pytest.mark.parametrize("key", ["", "..", ".", "a/..", "../a", "a//b", "/a", "a/", "a\\b", "a\0b", "a/.tmp-b"])
def test_an_invalid_key_is_refused_and_writes_nothing(store: Store, tmp_path: Path, key: str) -> None:
    for use in (lambda: store.put_once(key, b"x"), lambda: store.get(key), lambda: store.exists(key)):
        with pytest.raises(UsageError, match="is not a valid key\n  fix: "):
            use()
    assert list(store.list()) == []
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_missing_is_a_key_error(store: Store) -> None:
    store.put_once("a/b", b"x")
    for key in ("b", "a", "a/b/c", "a/c"):
        assert not store.exists(key)
        with pytest.raises(KeyError, match=key):
            store.get(key)


def test_list_is_every_key_sorted_as_text(store: Store) -> None:
    keys = ["b", "a/z", "a-b/x", "a/b/c", "a.json", "B"]
    for key in keys:
        store.put_once(key, key.encode())
    assert list(store.list()) == sorted(keys)


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("run-1/", ["run-1/spec/x.json"]),
        ("run-1", ["run-1/spec/x.json", "run-10/a", "run-10/b/c"]),
        ("run-10/b", ["run-10/b/c"]),
        ("run-10/b/c", ["run-10/b/c"]),
        ("run-10/b/c/", []),
        ("other", []),
        ("other/name", []),
    ],
)
def test_a_prefix_may_end_within_a_name(store: Store, prefix: str, found: list[str]) -> None:
    for key in ("run-1/spec/x.json", "run-10/a", "run-10/b/c", "s"):
        store.put_once(key, b"x")
    assert list(store.list(prefix)) == found


def test_a_key_has_a_time_at_which_it_was_written(store: Store) -> None:
    before = time.time() - 5
    store.put_once("a", b"one")
    written = store.written("a")
    assert written is not None and before < written < time.time() + 5
    assert store.written("b") is None


def test_what_is_no_record_is_replaced_or_left_alone(store: Store) -> None:
    store.put_once("page", b"one")
    assert store.replace("page", b"two") is not store.url.startswith("gs://")
    assert store.get("page") == (b"one" if store.url.startswith("gs://") else b"two")
    assert list(store.list()) == ["page"]


def test_a_folder_in_the_way_of_a_page_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    with pytest.raises(UsageError, match="page is a folder"):
        LocalStore(tmp_path).replace("page", b"two")
    assert os.listdir(tmp_path) == ["page"]


def test_an_empty_store_lists_nothing(store: Store) -> None:
    assert list(store.list()) == []
    assert list(store.list("a/b")) == []


def test_an_unknown_kind_of_store_is_refused() -> None:
    with pytest.raises(UsageError, match="no back-end for 's3://bucket'\n  fix: give a folder"):
        open_store("s3://bucket")


# --- a folder ---------------------------------------------------------------------------------------------------------


def test_files_are_read_only(tmp_path: Path) -> None:
    LocalStore(tmp_path).put_once("a/b", b"x")
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o444


def test_temporary_files_are_not_keys(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_once("a/b", b"x")
    (tmp_path / "a" / f"{TEMPORARY}0123").write_bytes(b"hal")
    assert list(store.list()) == list(store.list("a/")) == ["a/b"]


def test_what_is_being_deleted_is_no_key(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_once("run/spec/a.json", b"1")
    (tmp_path / "run").rename(tmp_path / f"{TEMPORARY}0123")
    assert list(store.list()) == []


def test_nothing_temporary_is_left(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_once("a", b"x")
    store.put_once("a", b"x")
    with pytest.raises(Conflict):
        store.put_once("a", b"y")
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_where_a_folder_should_be_is_a_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for root in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(UsageError, match="is not a folder\n  fix: choose a folder with --store"):
            LocalStore(root).put_once("a", b"x")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_where_a_file_should_be_is_a_wrong_use(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_once("a/b", b"x")
    with pytest.raises(UsageError, match="is a folder\n  fix: "):
        store.put_once("a", b"x")
    assert list(store.list()) == ["a/b"]


def test_eight_writers_of_the_same_keys_have_one_winner_each(tmp_path: Path) -> None:
    write = (
        "from ticketsmith.errors import Conflict\n"
        "won, start = [], sys.stdin.readline()\n"
        "for i in range(50):\n"
        "    try: store.put_once(f'keys/{i:02d}', f'{sys.argv[2]} '.encode() * 1000); won.append(i)\n"
        "    except Conflict: pass\n"
        "print(json.dumps(won))"
    )
    writers = [script(write, tmp_path, str(n)) for n in range(8)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    won = {n: json.loads(writer.communicate(timeout=60)[0]) for n, writer in enumerate(writers)}
    assert sorted(key for keys in won.values() for key in keys) == list(range(50))
    store = LocalStore(tmp_path)
    assert len(list(store.list("keys/"))) == 50
    for n, keys in won.items():
        assert all(store.get(f"keys/{key:02d}") == f"{n} ".encode() * 1000 for key in keys)


def test_a_writer_that_is_killed_leaves_whole_keys_only(tmp_path: Path) -> None:
    """Twenty SIGKILLs at any point of a write; what was left half is not a key, and does not stop the next writer."""
    write = (
        "from hashlib import sha256\n"
        "print('ready', flush=True)\n"
        "for i in range(10**6):\n"
        "    data = f'{sys.argv[2]} {i} '.encode() * 9999\n"
        "    store.put_once(f'{sys.argv[2]}/{sha256(data).hexdigest()}', data)"
    )
    random, store = Random(0), LocalStore(tmp_path)
    for batch in range(5):
        writers = [script(write, tmp_path, f"{batch}-{n}") for n in range(4)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            time.sleep(random.uniform(0, 0.03))  # the moment of death, not a wait for something
            writer.kill()
            writer.communicate(timeout=60)
            assert writer.returncode == -signal.SIGKILL
    keys = list(store.list())
    assert keys
    for key in keys:
        data = store.get(key)
        assert sha256(data).hexdigest() == key.rpartition("/")[2]
        store.put_once(key, data)


FILL = (
    "from ticketsmith.errors import Retryable\n"
    "store.put_once('before', b'x' * 1000)\n"
    "try: store.put_once('large/weights', b'w' * 3_000_000)\n"
    "except Retryable as error: print(json.dumps([error.code, str(error), list(store.list())]))\n"
)


def test_a_full_disk_leaves_nothing_half_and_works_once_there_is_space(small_disk: Path) -> None:
    done = script(FILL, small_disk)
    code, message, keys = json.loads(done.communicate(timeout=60)[0])
    assert code == 3
    assert "cannot write 3000000 bytes to" in message
    assert "No space left on device\n  fix: free space" in message
    assert keys == ["before"]
    assert not [path for path in small_disk.rglob("*") if path.is_file() and path.name != "before"]
    LocalStore(small_disk).put_once("large/weights", b"w" * 500_000)


def test_a_write_that_breaks_off_leaves_nothing_half(tmp_path: Path) -> None:
    """The same without a disk of one's own: no file of this process may grow beyond 100 kB."""
    again = "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)); store.put_once('large/weights', b'w' * 3_000_000)"
    limit = (
        "import resource\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))\n"
    )
    code, message, keys = json.loads(script(limit + FILL + again, tmp_path).communicate(timeout=60)[0])
    assert code == 3
    assert "File too large\n  fix: free space" in message
    assert keys == ["before"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()].count("weights") == 1
    assert list(LocalStore(tmp_path).list()) == ["before", "large/weights"]


@pytest.mark.parametrize(
    ("mode", "use"),
    [(0o555, "store.put_once('new/key', b'x')"), (0, "store.get('old')"), (0, "store.exists('old')")],
    ids=["write", "read", "look"],
)
def test_a_store_without_permission_is_denied(tmp_path: Path, bound: list[str], mode: int, use: str) -> None:
    root = tmp_path / "store"
    LocalStore(root).put_once("old", b"x")
    root.chmod(mode)
    try:
        tried = f"from ticketsmith.errors import Denied\ntry: {use}\nexcept Denied as e: print(e.code, e)"
        said = script(tried, root, before=bound).communicate(timeout=60)[0]
    finally:
        root.chmod(0o755)
    assert said.startswith("4 cannot ")
    assert "Permission denied\n  fix: " in said
    assert os.listdir(root) == ["old"]


def script(body: str, root: Path, *arguments: str, before: list[str] | None = None) -> subprocess.Popen[str]:
    """A process of its own with a store at `root`."""
    head = "import json, sys\nfrom ticketsmith.stores.local import LocalStore\nstore = LocalStore(sys.argv[1])\n"
    argv = [*(before or []), sys.executable, "-c", head + body, str(root), *arguments]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB; only root may mount one, and only on Linux."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk: a file size limit stands in for it below")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)
