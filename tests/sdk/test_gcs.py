"""Faults that a bucket has and a folder has not: lost answers, outages, missing rights, damage on the way.

The library is the real one, the service is ours; the contract of every store is in test_store.py.
"""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from socket import create_server
from typing import Any

import pytest

from ticketsmith.cli import main
from ticketsmith.errors import Conflict, Denied, IntegrityError, Retryable, TicketSmithError, UsageError
from ticketsmith.stores import open_store
from ticketsmith.stores.gcs import GcsStore

from ..fake_gcs import FakeGcs, Fault

Use = tuple[str, Callable[[GcsStore], Any], Any]
USES: dict[str, Use] = {
    "put_once": ("insert", lambda store: store.put_once("new", b"x"), None),
    "get": ("read", lambda store: store.get("old"), b"bytes"),
    "exists": ("read", lambda store: store.exists("old"), True),
    "list": ("list", lambda store: list(store.list("o")), ["old"]),
}
"""What a store can do: the call that the service sees, how to make it, what comes back."""

LARGE = bytes(range(256)) * 40_000  # above 8 MiB the library uploads in a session, in parts
OURS = "runs/new"


@pytest.fixture
def store(gcs: FakeGcs) -> GcsStore:
    """A store with one key, `old`. Patient enough for a busy machine, and quick to try again."""
    gcs.objects["runs/old"] = b"bytes"
    return GcsStore("gs://bucket/runs", deadline=15)


@pytest.fixture(params=USES)
def use(request: pytest.FixtureRequest) -> Use:
    return USES[request.param]


# --- the service has a bad day ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [408, 429, 500, 502, 503, 504, "drop", "lose"])
def test_a_call_that_fails_once_is_made_again(gcs: FakeGcs, store: GcsStore, use: Use, fault: Fault) -> None:
    call, make, answer = use
    gcs.faults[call] = iter([fault])
    assert make(store) == answer
    assert gcs.calls[call] == 2
    assert gcs.objects.get(OURS, b"x") == b"x"


def test_a_large_upload_survives_what_fails_once(gcs: FakeGcs, store: GcsStore) -> None:
    gcs.faults = {"begin": iter([503]), "insert": iter(["lose"])}
    store.put_once("new", LARGE)
    assert store.get("new") == LARGE


@pytest.mark.parametrize("gone", [404, 410])
def test_an_upload_session_that_is_gone_is_begun_again_once(gcs: FakeGcs, store: GcsStore, gone: int) -> None:
    gcs.faults["insert"] = iter([gone])
    store.put_once("new", LARGE)
    assert gcs.objects[OURS] == LARGE
    assert gcs.calls["begin"] == 2


@pytest.mark.parametrize("fault", [503, "drop"])
def test_an_outage_ends_in_an_error_that_asks_to_try_again(gcs: FakeGcs, use: Use, fault: Fault) -> None:
    call, make, _ = use
    gcs.faults[call] = repeat(fault)
    with pytest.raises(
        Retryable, match=f"no success within 1 s .{fault if fault != 'drop' else 'Conn'}.*\n  fix: "
    ) as caught:
        make(GcsStore("gs://bucket/runs", deadline=1))
    assert caught.value.code == 3
    assert gcs.calls[call] > 1
    assert OURS not in gcs.objects


def test_a_service_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Retryable, match="ReadTimeout"):
            GcsStore("gs://bucket", deadline=0.5).get("a")


def test_a_service_that_is_not_there_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{closed.getsockname()[1]}")
    with pytest.raises(Retryable, match="ConnectionError"):
        GcsStore("gs://bucket", deadline=0.5).put_once("a", b"x")


def test_an_answer_that_makes_no_sense_is_an_error_that_asks_to_try_again(gcs: FakeGcs, store: GcsStore) -> None:
    gcs.faults["list"] = iter(["garble"])
    with pytest.raises(Retryable, match="JSONDecodeError"):
        list(store.list())


def test_no_error_shows_the_token_of_an_upload(gcs: FakeGcs) -> None:
    for fault in (503, 403, 401, 400, 404, 410, 418, "drop"):
        gcs.faults["insert"] = repeat(fault)
        with pytest.raises(TicketSmithError) as caught:
            GcsStore("gs://bucket", deadline=0.2).put_once("new", LARGE)
        assert "upload_id" not in str(caught.value)
    assert any("upload_id" in session for session in gcs.sessions)


# --- damage on the way ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["flip", "cut"])
def test_bytes_damaged_on_the_way_here_are_fetched_again(gcs: FakeGcs, store: GcsStore, fault: str) -> None:
    gcs.faults["read"] = iter([fault])
    assert store.get("old") == b"bytes"
    assert gcs.calls["read"] == 2


@pytest.mark.parametrize("name", ["get", "put_once"])
def test_bytes_damaged_twice_are_not_taken(gcs: FakeGcs, store: GcsStore, name: str) -> None:
    call, make, _ = USES[name]
    gcs.faults[call] = repeat("flip")
    with pytest.raises(IntegrityError, match="are not those that were sent, twice\n  fix: ") as caught:
        make(store)
    assert caught.value.code == 5
    assert gcs.calls[call] == 2
    assert OURS not in gcs.objects


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_bytes_damaged_on_the_way_there_are_sent_again(gcs: FakeGcs, store: GcsStore, data: bytes) -> None:
    gcs.faults["insert"] = iter(["flip"])
    store.put_once("new", data)
    assert gcs.objects[OURS] == data


# --- rights -----------------------------------------------------------------------------------------------------------


def test_a_missing_right_is_denied_with_the_command_that_grants_it(gcs: FakeGcs, store: GcsStore, use: Use) -> None:
    call, make, _ = use
    gcs.faults[call] = repeat(403)
    with pytest.raises(
        Denied, match=r"403: injected 403 .*\n  fix: `gcloud storage buckets add-iam-policy-binding"
    ) as caught:
        make(store)
    assert caught.value.code == 4
    assert gcs.calls[call] == 1


def test_missing_credentials_are_denied_with_the_command_that_makes_them(
    gcs: FakeGcs, store: GcsStore, use: Use
) -> None:
    call, make, _ = use
    gcs.faults[call] = repeat(401)
    with pytest.raises(Denied, match=r"no valid credentials.*\n  fix: `gcloud auth application-default login`"):
        make(store)


def test_credentials_that_are_not_where_they_should_be_are_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file.json")
    with pytest.raises(Denied, match=r"file.json was not found.*\n  fix: `gcloud auth"):
        GcsStore("gs://bucket").get("a")


def test_who_may_create_but_not_replace_is_told_the_truth(gcs: FakeGcs, store: GcsStore) -> None:
    """roles/storage.objectCreator: an insert over an object may be a 403 and not a 412."""
    gcs.faults["insert"] = repeat(403)
    store.put_once("old", b"bytes")
    with pytest.raises(Conflict):
        store.put_once("old", b"other")
    with pytest.raises(Denied):
        store.put_once("new", b"x")


# --- many at once -----------------------------------------------------------------------------------------------------


def test_sixteen_writers_of_one_key_have_one_winner(gcs: FakeGcs, store: GcsStore) -> None:
    def write(n: int) -> bool:
        try:
            store.put_once("new", f"{n}".encode())
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(write, range(16)))
    assert won.count(True) == 1
    assert gcs.objects[OURS] == f"{won.index(True)}".encode()


def test_a_store_can_be_sent_to_a_process(gcs: FakeGcs, store: GcsStore) -> None:
    assert store.get("old") == b"bytes"
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert pool.submit(store.get, "old").result() == b"bytes"


def test_a_list_is_whole_however_many_pages_it_has(gcs: FakeGcs, store: GcsStore) -> None:
    gcs.objects = {f"{folder}/{n}": b"" for folder in ("runs", "runs-2", "other") for n in range(10)}
    gcs.objects["runs/"] = b""  # what the console leaves for a folder
    gcs.page = 3
    assert list(store.list()) == [f"{n}" for n in range(10)]
    assert gcs.calls["list"] == 4


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said", "root"),
    [
        ("gs://bucket", "gs://bucket", ""),
        ("gs://bucket/", "gs://bucket", ""),
        ("gs://bucket/runs", "gs://bucket/runs", "runs/"),
        ("gs://a.b_c-1/x/y/", "gs://a.b_c-1/x/y", "x/y/"),
    ],
)
def test_an_address_is_a_bucket_and_a_prefix(url: str, said: str, root: str) -> None:
    store = open_store(url)
    assert isinstance(store, GcsStore)
    assert (store.url, store.root) == (said, root)


@pytest.mark.parametrize(
    "url", ["gs://", "gs:///runs", "gs://Bucket/x", "gs://b", "gs://bucket/../x", "gs://bucket//x"]
)
def test_a_wrong_address_is_a_wrong_use(url: str) -> None:
    with pytest.raises(UsageError, match=r"\n  fix: "):
        open_store(url)


def test_an_emulator_has_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "localhost:4443")
    with pytest.raises(UsageError, match="give http://host:port"):
        GcsStore("gs://bucket").get("a")


def test_without_the_library_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['google.cloud.storage'] = None\n"
        "from ticketsmith.stores import open_store; open_store('runs')\n"
        "try: open_store('gs://bucket')\n"
        "except Exception as error: print(error.code, error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("2 store: 'gs://bucket' needs google-cloud-storage"), done.stderr
    assert "pip install 'ticketsmith[gcs]'" in done.stdout


def test_a_bucket_that_is_missing_is_a_wrong_use(gcs: FakeGcs, use: Use) -> None:
    with pytest.raises(
        UsageError, match="there is no bucket 'no-such'\n  fix: correct --store, or `gcloud storage buckets"
    ):
        use[1](GcsStore("gs://no-such/runs"))


@pytest.mark.parametrize(("fault", "code"), [(401, 4), (403, 4), (404, 2)])
def test_the_command_line_ends_in_the_code_of_the_error(
    gcs: FakeGcs, capsys: pytest.CaptureFixture[str], fault: int, code: int
) -> None:
    gcs.faults["list"] = repeat(fault)
    with pytest.raises(SystemExit) as ended:
        main(["report", "--store", "gs://bucket/runs"])
    assert ended.value.code == code
    assert "\n  fix: " in capsys.readouterr().err
