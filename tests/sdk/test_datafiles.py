"""The data of a task: a manifest of digests, its way through a store, and what must not take it."""

import json
import os
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketsmith.datafiles import Entry, Manifest, blob_key, download, manifest, manifest_key, read, upload
from ticketsmith.datafiles.travel import LARGEST, SMALL
from ticketsmith.digests import cache_file, digests
from ticketsmith.documents import canonical
from ticketsmith.errors import Conflict, IntegrityError, Retryable, UsageError
from ticketsmith.stores import Store
from ticketsmith.stores.local import LocalStore

from .planting import plant

FILES = {"flowers/rose/1.png": b"rose", "flowers/tulip/1.png": b"tulip", "labels.csv": b"1,2\n", "same.csv": b"1,2\n"}
LONG_AGO = 1_000_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root, whose files have not changed for long."""
    root = plant(tmp_path / "data", FILES)
    for name in FILES:
        os.utime(root / name, (LONG_AGO, LONG_AGO))
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "files.json"


@pytest.fixture
def whole(root: Path, cache: Path) -> Manifest:
    """The manifest of every file."""
    return manifest(root, [root / name for name in FILES], cache)


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


# --- the manifest -----------------------------------------------------------------------------------------------------


def test_it_has_path_size_and_digest_of_each_file_sorted(whole: Manifest) -> None:
    assert whole.entries == tuple(Entry(name, len(data), digest(data)) for name, data in sorted(FILES.items()))


def test_its_digest_is_that_of_its_canonical_json(whole: Manifest) -> None:
    assert whole.digest == digest(whole.data)
    assert json.loads(whole.data)["files"][2] == {
        "path": "labels.csv", "size": 4, "sha256": digest(b"1,2\n"), "outside": False,
    }  # fmt: skip


def test_the_digest_is_the_same_on_every_machine(whole: Manifest) -> None:
    assert whole.digest == "4d80cd2f6e0d42bb491d61cba78dd4a0f7e4f660f557ac250e185af4bbdfa768"


@pytest.mark.parametrize("order", [sorted, lambda names: sorted(names, reverse=True), lambda names: [*names, *names]])
def test_neither_order_nor_repetition_matters(
    order: Callable[[list[str]], list[str]], root: Path, whole: Manifest
) -> None:
    assert manifest(root, [root / name for name in order(list(FILES))]) == whole


def test_a_moved_root_keeps_the_digest(root: Path, whole: Manifest, tmp_path: Path) -> None:
    moved = root.rename(tmp_path / "elsewhere")
    assert manifest(moved, [moved / name for name in FILES]).digest == whole.digest


@pytest.mark.parametrize("change", ["byte", "name", "file"])
def test_a_change_changes_it(change: str, root: Path, whole: Manifest, cache: Path) -> None:
    names = list(FILES)
    match change:
        case "byte":
            (root / "labels.csv").write_bytes(b"1,3\n")
        case "name":
            names[2] = (root / "labels.csv").rename(root / "other.csv").name
        case "file":
            del names[2]
    assert manifest(root, [root / name for name in names], cache).digest != whole.digest


def test_a_file_outside_the_root_has_its_name_alone(root: Path, tmp_path: Path, cache: Path) -> None:
    plant(tmp_path / "library", {"digits.csv.gz": b"x"})
    entries = manifest(root, [tmp_path / "library" / "digits.csv.gz"], cache).entries
    assert entries == (Entry("outside/digits.csv.gz", 1, digest(b"x"), outside=True),)


def test_a_folder_called_outside_is_inside(root: Path, cache: Path) -> None:
    plant(root, {"outside/digits.csv.gz": b"x"})
    entries = manifest(root, [root / "outside" / "digits.csv.gz"], cache).entries
    assert entries == (Entry("outside/digits.csv.gz", 1, digest(b"x"), outside=False),)


def test_a_link_in_the_root_to_a_large_disk_is_inside(root: Path, tmp_path: Path, cache: Path) -> None:
    plant(tmp_path / "disk", {"1.png": b"x"})
    (root / "linked").symlink_to(tmp_path / "disk")
    assert manifest(root, [root / "linked" / "1.png"], cache).entries[0].path == "linked/1.png"


def test_a_root_by_another_name_is_the_same(root: Path, whole: Manifest, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert manifest(tmp_path / "link", [root / name for name in FILES], cache) == whole
    assert manifest(root, [tmp_path / "link" / name for name in FILES], cache) == whole


def test_nothing_is_a_manifest_too(root: Path, cache: Path) -> None:
    assert manifest(root, [], cache).data == b'{"files":[]}\n'


def test_a_file_that_is_missing(root: Path, cache: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*/nowhere: No such file.*\n  fix: correct the `files`"):
        manifest(root, [root / "nowhere"], cache)


def test_a_folder_is_no_file(root: Path, cache: Path) -> None:
    with pytest.raises(UsageError, match=r"/flowers is a folder\n  fix: list files, for example \[p for p in root"):
        manifest(root, [root / "flowers"], cache)


def test_a_pipe_is_no_file(root: Path, cache: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(UsageError, match="/pipe is no regular file"):
        manifest(root, [root / "pipe"], cache)


@pytest.mark.parametrize("name", ["a\\b", "a\nb"])
def test_a_name_that_is_not_portable(name: str, root: Path, cache: Path) -> None:
    plant(root, {name: b""})
    with pytest.raises(UsageError, match=r"has a name that is not portable\n  fix: rename it"):
        manifest(root, [root / name], cache)


# --- what is remembered -----------------------------------------------------------------------------------------------


def remembered(cache: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(cache.read_text())
    return document


def forge(cache: Path, file: Path) -> None:
    """Another digest in the cache shows whether it is asked."""
    document = remembered(cache)
    document[str(file)][-1] = "f" * 64
    cache.write_text(json.dumps(document))


def test_a_digest_is_taken_once(root: Path, whole: Manifest, cache: Path) -> None:
    forge(cache, root / "labels.csv")
    assert digests([root / "labels.csv"], cache) == [(4, "f" * 64)]


@pytest.mark.parametrize("change", ["content", "time", "file"])
def test_a_file_that_changed_is_read_again(change: str, root: Path, whole: Manifest, cache: Path) -> None:
    file = root / "labels.csv"
    forge(cache, file)
    match change:
        case "content":  # of the same size, with the old time: the time of change of the inode tells
            file.write_bytes(b"1,3\n")
            os.utime(file, (LONG_AGO, LONG_AGO))
        case "time":
            os.utime(file, (LONG_AGO + 1, LONG_AGO + 1))
        case "file":
            os.replace(root / "same.csv", file)
    assert digests([file], cache) == [(4, digest(file.read_bytes()))]


def test_a_file_that_changed_just_now_is_not_remembered(root: Path, cache: Path) -> None:
    plant(root, {"new": b"x"})
    digests([root / "new", root / "labels.csv"], cache)
    assert list(remembered(cache)) == [str(root / "labels.csv")]


def test_what_others_remembered_stays(root: Path, cache: Path) -> None:
    for name in FILES:
        digests([root / name], cache)
    assert len(remembered(cache)) == len(FILES)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"a": 1, "b": [1, 2, 3, 4, "short"]}', b"\xff"]
)
def test_a_damaged_cache_is_as_none(content: bytes, root: Path, whole: Manifest, cache: Path) -> None:
    cache.write_bytes(content)
    assert manifest(root, [root / name for name in FILES], cache) == whole
    assert len(remembered(cache)) == len(FILES)


def test_a_cache_that_cannot_be_written_is_done_without(root: Path, whole: Manifest, tmp_path: Path) -> None:
    plant(tmp_path, {"file": b""})
    assert manifest(root, [root / name for name in FILES], tmp_path / "file" / "files.json") == whole


def test_no_half_file_is_left(root: Path, whole: Manifest, cache: Path) -> None:
    assert [path.name for path in cache.parent.iterdir()] == ["files.json"]
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600


def test_the_cache_lies_where_caches_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_file() == Path("/caches/ticketsmith/files.json")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/me")
    assert cache_file() == Path("/me/.cache/ticketsmith/files.json")


# --- through a store --------------------------------------------------------------------------------------------------


def test_what_is_sent_arrives(store: Store, whole: Manifest, root: Path, tmp_path: Path) -> None:
    assert upload(store, whole, root) == 4 + 5 + 4
    assert download(store, whole.digest, tmp_path / "pod") == whole
    arrived = {path for path in (tmp_path / "pod").rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path / "pod").as_posix(): path.read_bytes() for path in arrived} == FILES
    assert {path.stat().st_mode & 0o333 for path in arrived} == {0}


def test_equal_files_are_sent_once(store: Store, whole: Manifest, root: Path) -> None:
    upload(store, whole, root)
    assert sorted(store.list()) == sorted(
        [manifest_key(whole.digest), *{blob_key(digest(data)) for data in FILES.values()}]
    )


def test_the_way_of_a_manifest_is_the_same_again(store: Store, whole: Manifest, root: Path, tmp_path: Path) -> None:
    for sent in (13, 0):
        assert upload(store, whole, root) == sent
        download(store, whole.digest, tmp_path / "pod")


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_only_what_is_new_is_sent(local: LocalStore, whole: Manifest, root: Path, cache: Path) -> None:
    upload(local, whole, root)
    plant(root, {"new.csv": b"new"})
    told: list[tuple[str, int, int]] = []
    more = manifest(root, [root / name for name in (*FILES, "new.csv")], cache)
    assert upload(local, more, root, lambda *news: told.append(news)) == 3
    assert told == [("new.csv", 1, 1)]


def test_an_upload_that_was_cut_short_goes_on(local: LocalStore, whole: Manifest, root: Path) -> None:
    local.put_once(blob_key(digest(b"tulip")), b"tulip")
    assert upload(local, whole, root) == 8


def test_a_large_file_travels_alone(local: LocalStore, root: Path, tmp_path: Path, cache: Path) -> None:
    plant(root, {"large.bin": bytes(SMALL + 1)})
    both = manifest(root, [root / "large.bin", root / "labels.csv"], cache)
    assert upload(local, both, root) == SMALL + 5
    download(local, both.digest, tmp_path / "pod")
    assert (tmp_path / "pod" / "large.bin").stat().st_size == SMALL + 1


def test_what_lies_outside_does_not_travel(local: LocalStore, root: Path, tmp_path: Path, cache: Path) -> None:
    plant(tmp_path / "library", {"digits.csv.gz": b"x", ".env": b"not ours"})
    outside = manifest(root, (tmp_path / "library").iterdir(), cache)
    assert upload(local, outside, root) == 0
    assert download(local, outside.digest, tmp_path / "pod") == outside
    assert not (tmp_path / "pod").exists()


@pytest.mark.parametrize("name", [".env", "keys/server.pem", ".aws/config", "kaggle.json"])
def test_secrets_are_refused_before_anything_is_sent(name: str, local: LocalStore, root: Path, cache: Path) -> None:
    plant(root, {name: b"x"})
    both = manifest(root, [root / "labels.csv", root / name], cache)
    with pytest.raises(UsageError, match=rf"may be secrets, by their names:\n  - {name}\n  fix: leave them out"):
        upload(local, both, root)
    assert list(local.list()) == []


def test_a_file_over_two_gib_is_refused_with_the_way_out(local: LocalStore, root: Path) -> None:
    large = Manifest((Entry("film.bin", LARGEST + (100 << 20), "0" * 64),))
    with pytest.raises(
        UsageError, match=r"over 2.0 GiB do not travel:\n  - film.bin: 2.1 GiB\n  fix: mount the data read-only instead"
    ):
        upload(local, large, root)


def test_more_than_a_pod_has_room_for_is_refused_with_the_way_out(local: LocalStore, root: Path) -> None:
    both = Manifest(tuple(Entry(name, LARGEST, name * 64) for name in "ab"))
    with pytest.raises(UsageError, match=r"the data is 4.0 GiB, and 3.0 GiB travel at most\n  fix: mount the data"):
        upload(local, both, root)
    assert list(local.list()) == []


def test_what_travels_is_a_manifest_of_its_own() -> None:
    inside, outside = Entry("a.bin", 1, "0" * 64), Entry("outside/b.bin", 1, "1" * 64, outside=True)
    assert Manifest((inside, outside)).luggage == Manifest((inside,))
    assert Manifest((outside,)).luggage is None


@pytest.mark.parametrize("content", [b"Tulip", b"tulips"])
def test_a_file_that_changed_since_is_not_sent(content: bytes, local: LocalStore, whole: Manifest, root: Path) -> None:
    (root / "flowers/tulip/1.png").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"/tulip/1.png changed since its digest was taken"):
        upload(local, whole, root)
    assert not local.exists(manifest_key(whole.digest))


def test_a_file_that_is_gone_is_not_sent(local: LocalStore, whole: Manifest, root: Path) -> None:
    (root / "labels.csv").unlink()
    (root / "same.csv").unlink()
    with pytest.raises(UsageError, match=r"cannot read .*csv: No such file"):
        upload(local, whole, root)


# --- what arrives -----------------------------------------------------------------------------------------------------


def replace(store: LocalStore, key: str, data: bytes) -> None:
    (store.root / key).unlink()
    store.put_once(key, data)


@pytest.mark.parametrize("damage", [b"tulips", b"", b"Tulip", None])
def test_a_damaged_file_is_not_written(
    damage: bytes | None, local: LocalStore, whole: Manifest, root: Path, tmp_path: Path
) -> None:
    upload(local, whole, root)
    key = blob_key(digest(b"tulip"))
    (local.root / key).unlink()
    if damage is not None:
        local.put_once(key, damage)
    with pytest.raises(IntegrityError, match=rf"{key} (is missing|expected sha256 .*, got).*\n  fix: move it away"):
        download(local, whole.digest, tmp_path / "pod")
    assert not (tmp_path / "pod" / "flowers" / "tulip" / "1.png").exists()


def test_a_manifest_that_is_missing(local: LocalStore) -> None:
    with pytest.raises(IntegrityError, match="is missing: the manifest of the data"):
        read(local, "0" * 64)


def test_a_manifest_that_is_another(local: LocalStore, whole: Manifest) -> None:
    local.put_once(manifest_key(whole.digest), b"{}")
    with pytest.raises(IntegrityError, match="expected sha256"):
        read(local, whole.digest)


def entry(path: str, **other: Any) -> dict[str, Any]:
    return {"path": path, "size": 1, "sha256": digest(b"x"), "outside": False} | other


@pytest.mark.parametrize(
    "document",
    [
        {}, [], {"files": [1]}, {"files": {}, "more": 1}, {"files": [entry("../x")]}, {"files": [entry("/etc/x")]},
        {"files": [entry("a/../../x")]}, {"files": [entry("a\\b")]}, {"files": [entry("")]},
        {"files": [entry("a", size=-1)]}, {"files": [entry("a", size="1")]}, {"files": [entry("a", size=True)]},
        {"files": [entry("a", sha256="../../x")]}, {"files": [entry("a", outside=1)]}, {"files": [entry("a", x=1)]},
        {"files": [entry("b"), entry("a")]}, {"files": [entry("a"), entry("a")]},
        {"files": [entry("a"), entry("a", size=2)]}, {"files": [entry("a"), entry("a/b")]},
    ],
)  # fmt: skip
def test_a_hostile_manifest_is_refused(document: Any, local: LocalStore, tmp_path: Path) -> None:
    data = canonical(document)
    local.put_once(manifest_key(digest(data)), data)
    local.put_once(blob_key(digest(b"x")), b"x")
    with pytest.raises(IntegrityError):
        download(local, digest(data), tmp_path / "deep" / "pod")
    assert not (tmp_path / "deep").exists()


def test_another_file_in_its_place_is_kept(local: LocalStore, whole: Manifest, root: Path, tmp_path: Path) -> None:
    upload(local, whole, root)
    plant(tmp_path / "pod", {"labels.csv": b"mine"})
    with pytest.raises(Conflict, match=r"/labels.csv is there already, and is another file\n  fix: give an empty"):
        download(local, whole.digest, tmp_path / "pod")
    assert (tmp_path / "pod" / "labels.csv").read_bytes() == b"mine"


def test_an_equal_file_is_not_fetched_again(local: LocalStore, whole: Manifest, root: Path, tmp_path: Path) -> None:
    upload(local, whole, root)
    plant(tmp_path / "pod", {"labels.csv": b"1,2\n"})
    told: list[str] = []
    download(local, whole.digest, tmp_path / "pod", lambda path, *_: told.append(path))
    assert sorted(told) == sorted(set(FILES) - {"labels.csv"})


def test_a_link_that_leads_out_of_the_folder_is_not_followed(
    local: LocalStore, whole: Manifest, root: Path, tmp_path: Path
) -> None:
    upload(local, whole, root)
    (tmp_path / "away").mkdir()
    (tmp_path / "pod").mkdir()
    (tmp_path / "pod" / "flowers").symlink_to(tmp_path / "away")
    with pytest.raises(Conflict, match="is a link that leads out of"):
        download(local, whole.digest, tmp_path / "pod")
    assert not [path for path in (tmp_path / "away").rglob("*") if path.is_file()]


def test_what_does_not_fit_is_refused_before_it_is_fetched(local: LocalStore, tmp_path: Path) -> None:
    huge = Manifest(tuple(Entry(f"{n:06}", LARGEST, f"{n:064x}") for n in range(50_000)))
    local.put_once(manifest_key(huge.digest), huge.data)
    with pytest.raises(
        UsageError, match=r"the data is 100,000.0 GiB, and .* are free at .*\n  fix: mount the data read-only instead"
    ):
        download(local, huge.digest, tmp_path / "pod")


def test_a_place_that_cannot_be_written(local: LocalStore, whole: Manifest, root: Path, tmp_path: Path) -> None:
    upload(local, whole, root)
    plant(tmp_path / "pod", {"flowers": b"a file"})
    with pytest.raises(Retryable, match=r"cannot write .*\n  fix: free space, or mount the data read-only instead"):
        download(local, whole.digest, tmp_path / "pod")


names = st.lists(
    st.text("abcé_-.", min_size=1, max_size=6).filter(lambda text: text.strip(".")), min_size=1, max_size=3
)
trees = st.dictionaries(names.map("/".join), st.binary(max_size=50), max_size=6).filter(
    lambda files: not any(other.startswith(f"{name}/") for name in files for other in files)
)


@settings(deadline=None, max_examples=25)
@given(trees)
def test_every_tree_arrives_as_it_was(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    place = tmp_path_factory.mktemp("tree")
    root, store = plant(place / "data", files), LocalStore(place / "store")
    tree = manifest(root, [root / name for name in files], place / "cache.json")
    upload(store, tree, root)
    download(store, tree.digest, place / "pod")
    assert {entry.path: (place / "pod" / entry.path).read_bytes() for entry in tree.entries} == files
