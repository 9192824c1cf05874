"""Both ways to a cluster: what is asked, what is said when the answer is wrong, and streams that break."""

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ticketsmith.argo import AlreadyThere, Argo, Missing, connect, kube, server
from ticketsmith.argo.follow import PATIENCE, follow, lines
from ticketsmith.errors import Denied, Retryable, TicketSmithError, UsageError

from .fake import FakeArgo
from .workflows import SUCCEEDED, pod, workflow

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: c, user: u, namespace: lab}}]
clusters: [{name: c, cluster: {server: "https://cluster.example"}}]
users: [{name: u, user: {token: secret}}]
"""
Answer = Callable[[httpx2.Request], httpx2.Response]


def nap(seconds: float) -> None:
    """Nobody waits in a test."""


@pytest.fixture(params=["server", "kube"])
def reach(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Answer], Argo]:
    """Either transport, its other side a function."""
    (tmp_path / "config").write_text(KUBECONFIG)

    def transport(answer: Answer) -> Argo:
        over = httpx2.MockTransport(answer)
        if request.param == "server":
            return server.from_environment({"ARGO_SERVER": "argo.example", "ARGO_NAMESPACE": "lab"}, over, nap)
        return kube.from_environment({"KUBECONFIG": str(tmp_path / "config")}, over, nap)

    return transport


def said(message: str, status: int = 200) -> Answer:
    return lambda request: httpx2.Response(status, json={"message": message})


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [(401, Denied, 4), (403, Denied, 4), (404, Missing, 2), (409, AlreadyThere, 6), (400, UsageError, 2),
     (422, UsageError, 2), (302, UsageError, 2), (429, Retryable, 3), (500, Retryable, 3), (503, Retryable, 3)],
)  # fmt: skip
def test_an_answer_that_is_no_success_is_an_error_with_a_fix(
    reach: Callable[[Answer], Argo], status: int, error: type[TicketSmithError], code: int
) -> None:
    with pytest.raises(error) as raised:
        reach(said("what they said", status)).get("r")
    problem, fix = raised.value.args
    assert raised.value.code == code and "what they said" in problem and "example" in problem and fix


def test_a_server_error_is_tried_again_and_a_refusal_is_not(reach: Callable[[Answer], Argo]) -> None:
    asked: list[int] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(1)
        return httpx2.Response(503 if len(asked) < 3 else 200, json={"items": None})

    assert reach(answer).list() == [] and len(asked) == 3
    asked.clear()
    with pytest.raises(Denied):
        reach(lambda request: asked.append(1) or httpx2.Response(403, json={"message": "no"})).list()
    assert len(asked) == 1


def test_silence_is_an_outage(reach: Callable[[Answer], Argo]) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused")

    with pytest.raises(Retryable, match=r"cannot reach .* \(ConnectError: connection refused\)"):
        reach(answer).list()


def test_a_page_is_no_answer(reach: Callable[[Answer], Argo]) -> None:
    with pytest.raises(UsageError, match="did not answer with JSON"):
        reach(lambda request: httpx2.Response(200, text="<html>sign in</html>")).list()


def test_what_is_asked_for_is_in_the_namespace_and_credentials_are_sent(reach: Callable[[Answer], Argo]) -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json={"items": [], "metadata": {"resourceVersion": "1"}})

    argo = reach(answer)
    argo.list("some-run")
    argo.get("a/../b")
    argo.create({"metadata": {"name": "r"}}, dry_run=True)
    argo.stop("r")
    assert all("/lab" in request.url.path for request in asked)
    assert "ticketsmith.dev/run=some-run" in asked[0].url.params.values()
    assert asked[1].url.raw_path.endswith(b"/a%2F..%2Fb")
    assert argo.namespace == "lab"


def test_the_kubeconfigs_token_is_sent(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["Authorization"])
        return httpx2.Response(200, json={"items": []})

    kube.from_environment({"KUBECONFIG": str(tmp_path / "config")}, httpx2.MockTransport(answer)).list()
    assert seen == ["Bearer secret"]


ODD = {
    "empty": "",
    "a list": "- 1",
    "nothing in it": "kind: Config",
    "no YAML": "{",
    "no such context": KUBECONFIG.replace("current-context: here", "current-context: there"),
    "no certificate": KUBECONFIG.replace("{token: secret}", "{client-certificate: /nowhere, client-key: /nowhere}"),
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_a_kubeconfig_that_is_none_is_wrong_usage(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(UsageError) as raised:
        kube.from_environment({"KUBECONFIG": str(tmp_path / "config")})
    assert "kubeconfig" in raised.value.args[0] and "kubectl config" in raised.value.args[1]


PLUGINS = {
    "none of this name": "{command: no-such-plugin}",
    "fails": "{command: 'false'}",
    "says nothing": "{command: 'true'}",
    "has certificates": '{command: echo, args: [\'{"status": {"clientCertificateData": "x"}}\']}',
}


@pytest.mark.parametrize("plugin", PLUGINS.values(), ids=PLUGINS)
def test_a_plugin_without_a_token_is_named(tmp_path: Path, plugin: str) -> None:
    version = "{apiVersion: client.authentication.k8s.io/v1beta1, "
    text = KUBECONFIG.replace("{token: secret}", f"{{exec: {plugin.replace('{', version, 1)}}}")
    (tmp_path / "config").write_text(text)
    argo = kube.from_environment({"KUBECONFIG": str(tmp_path / "config")}, httpx2.MockTransport(said("x")))
    with pytest.raises(Denied, match="kubeconfig: no credentials"):
        argo.list()


def test_without_server_and_kubeconfig_there_is_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no cluster: ARGO_SERVER is not set"):
        connect({"KUBECONFIG": str(tmp_path / "none")})


def test_compressed_nodes_are_read_and_offloaded_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    nodes = pod("gate", 1, "ticket", SUCCEEDED)
    packed = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
    documents = iter([{"status": {"compressedNodes": packed}}, {"status": {"offloadNodeStatusVersion": "fnv:1"}}])
    over = httpx2.MockTransport(lambda request: httpx2.Response(200, json=next(documents)))
    argo = kube.from_environment({"KUBECONFIG": str(tmp_path / "config")}, over)
    assert argo.get("r")["status"]["nodes"] == nodes
    with pytest.raises(UsageError, match="in Argo's database"):
        argo.get("r")


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"ARGO_SERVER": "h:2746"}, "https://h:2746/"),
        ({"ARGO_SERVER": "h:2746", "ARGO_SECURE": "false"}, "http://h:2746/"),
        ({"ARGO_SERVER": "h", "ARGO_BASE_HREF": "/argo/"}, "https://h/argo/"),
        ({"ARGO_SERVER": "http://h/argo"}, "http://h/argo/"),
        ({"ARGO_SERVER": "[::1]:2746"}, "https://[::1]:2746/"),
    ],
)
def test_the_variables_mean_what_they_mean_to_the_argo_command(variables: dict[str, str], url: str) -> None:
    assert server.from_environment(variables).link("r") == f"{url}workflows/ticketsmith/r"


@pytest.mark.parametrize(
    "variables",
    [{"ARGO_SERVER": "ftp://h"}, {"ARGO_SERVER": "https://"}, {"ARGO_SERVER": "h", "ARGO_SECURE": "maybe"}],
)
def test_a_variable_that_makes_no_sense_is_named(variables: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"ARGO_S\w+: expected"):
        server.from_environment(variables)


@pytest.mark.usefixtures("fake")
class TestStreams:
    """Over real HTTP: server-sent events with keep-alives, from a server below a base path."""

    def test_a_watch_goes_on_over_breaks_ends_and_an_outage(self, fake: FakeArgo) -> None:
        fake.base = "/argo/"
        fake.workflows["r"] = workflow("r")
        half, whole = workflow("r", pod("chain", 0, "dense", SUCCEEDED)), workflow("r", phase="Succeeded")
        fake.states["r"] = iter(["end", half, "break", half, whole])
        fake.faults["watch"] = iter([None, None, 502, "drop"])
        argo = server.from_environment({**_reaching(fake), "ARGO_BASE_HREF": "argo"})
        told: list[str] = []
        seen = list(follow(argo, "r", told.append, nap))
        assert seen[-1]["status"]["phase"] == "Succeeded" and half in seen
        assert any("in the middle of a message" in line for line in told) and "connected again" in told

    def test_the_end_that_was_asked_for_is_no_news(self, fake: FakeArgo) -> None:
        """Argo Server ends a watch after its `timeoutSeconds` with an error, EOF."""
        fake.workflows["r"] = workflow("r")
        fake.states["r"] = iter(["eof", workflow("r", phase="Succeeded")])
        told: list[str] = []
        seen = list(follow(server.from_environment(_reaching(fake)), "r", told.append, nap))
        assert seen[-1]["status"]["phase"] == "Succeeded" and told == []

    def test_who_is_gone_for_long_is_gone(self, fake: FakeArgo) -> None:
        fake.workflows["r"] = workflow("r")
        fake.faults["get"] = iter([503] * 4 * PATIENCE)
        with pytest.raises(Retryable, match="injected 503"):
            list(follow(server.from_environment(_reaching(fake), sleep=nap), "r", print, nap))

    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_who_was_let_in_once_is_not_sent_away_for_seconds(self, fake: FakeArgo, status: int) -> None:
        """An API server that has just started knows no roles; the Argo Server says 400 as long as it is away."""
        fake.workflows["r"] = workflow("r")
        fake.states["r"] = iter(["end", workflow("r", phase="Succeeded")])
        fake.faults["get"] = iter([None, status])
        told: list[str] = []
        assert list(follow(server.from_environment(_reaching(fake)), "r", told.append, nap))[-1]["status"]["finishedAt"]
        assert "connected again" in told
        fake.faults["get"] = iter([status])
        with pytest.raises(UsageError if status == 400 else Denied):
            list(follow(server.from_environment(_reaching(fake)), "r", print, nap))

    def test_who_may_look_and_not_watch_is_told_in_the_end(self, fake: FakeArgo) -> None:
        fake.workflows["r"] = workflow("r")
        fake.faults["watch"] = iter([403] * 2 * PATIENCE)
        told: list[str] = []
        with pytest.raises(Denied):
            list(follow(server.from_environment(_reaching(fake)), "r", told.append, nap))
        assert len(told) == PATIENCE - 1 and "connected again" not in told

    def test_a_workflow_that_is_deleted_while_it_is_watched_is_missing(self, fake: FakeArgo) -> None:
        with pytest.raises(Missing, match=r"r.* not found"):
            list(follow(server.from_environment(_reaching(fake)), "r", print, nap))

    def test_each_line_of_a_log_once_though_its_stream_breaks(self, fake: FakeArgo) -> None:
        fake.workflows["r"] = workflow("r")
        fake.logs = [
            [("a", "1"), ("b", "1"), "break"],
            [("a", "1"), ("a", "2"), ("b", "1")],
            [("a", "1"), ("a", "2"), ("b", "1"), ("b", "line\u2028separator")],
        ]
        argo = server.from_environment(_reaching(fake))
        asked = iter([fake.workflows["r"], fake.workflows["r"], workflow("r", phase="Failed")])
        argo.get = lambda name: next(asked)
        read = list(lines(argo, "r", print, follow=True, sleep=nap))
        assert read == [("a", "1"), ("b", "1"), ("a", "2"), ("b", "line\u2028separator")]


def _reaching(fake: FakeArgo) -> dict[str, str]:
    return {"ARGO_SERVER": fake.address, "ARGO_SECURE": "false", "ARGO_TOKEN": fake.token}


def test_logs_of_the_kubernetes_api_each_line_once_from_every_pod(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    rounds = iter(
        [
            [_pod("b", 2, "waiting"), _pod("a", 1, "running")],
            [_pod("a", 1, "terminated"), _pod("b", 2, "running")],
            [_pod("a", 1, "terminated"), _pod("b", 2, "terminated")],
        ]
    )
    logs = {"a": iter(["1\n", "1\n2\n"]), "b": iter(["x\n", "x\ny\n"])}
    states = iter([workflow("r"), workflow("r"), workflow("r", phase="Succeeded")])

    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("/log"):
            return httpx2.Response(200, text=next(logs[path.split("/")[-2]]))
        return httpx2.Response(200, json={"items": next(rounds)} if path.endswith("/pods") else next(states))

    argo = kube.from_environment({"KUBECONFIG": str(tmp_path / "config")}, httpx2.MockTransport(answer), nap)
    assert list(argo.logs("r", follow=True)) == [("a", "1"), ("a", "2"), ("b", "x"), ("b", "y")]


def _pod(name: str, second: int, state: str) -> dict[str, Any]:
    status = {"containerStatuses": [{"name": "wait", "state": {}}, {"name": "main", "state": {state: {}}}]}
    return {"metadata": {"name": name, "creationTimestamp": f"2026-01-01T00:00:0{second}Z"}, "status": status}


def test_a_stream_that_falls_silent_is_given_up() -> None:
    """A connection that died without a word: the watch's own timeout has passed, and nothing came."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.extensions["timeout"]["read"] == 135
        raise httpx2.ReadTimeout("timed out")

    argo = server.from_environment({"ARGO_SERVER": "h"}, httpx2.MockTransport(answer), nap)
    with pytest.raises(Retryable, match="ReadTimeout"):
        list(argo.connection.lines("api/v1/workflow-events/lab"))
