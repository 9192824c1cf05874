"""A list over the Kubernetes API: metadata, and each Workflow whole once, as long as it is at work or new."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ticketsmith.argo import Argo, kube
from ticketsmith.argo.brief import COMPLETED, SEEN
from ticketsmith.argo.locks import stuck
from ticketsmith.argo.tree import tree

from .test_transports import KUBECONFIG, nap
from .workflows import RUNNING, SUCCEEDED, pod, workflow

Document = dict[str, Any]


class Api:
    """Workflows behind a Kubernetes API: lists in pages, metadata where that is asked for, merge patches."""

    def __init__(self, *workflows: Document) -> None:
        self.there = {each["metadata"]["name"]: each for each in workflows}
        self.asked: Counter[str] = Counter()
        self.bytes = 0
        self.forbidden = False
        for each in workflows:
            fields = {f"f:{number}": {} for number in range(800)}
            each["metadata"] |= {"generation": 9, "managedFields": [{"manager": "controller", "fieldsV1": fields}]}
            if each["status"].get("finishedAt"):
                each["metadata"]["labels"] |= {COMPLETED: "true"}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        name = request.url.path.partition("/workflows")[2].strip("/")
        word = "list" if request.method == "GET" and not name else request.method.lower()
        self.asked[word] += 1
        answer = httpx2.Response(200, json=getattr(self, f"_{word}")(request, name))
        if word == "patch" and self.forbidden:
            return httpx2.Response(403, json={"message": "may not patch"})
        self.bytes += len(answer.content)
        return answer

    def _list(self, request: httpx2.Request, name: str) -> Document:
        assert "as=PartialObjectMetadataList" in request.headers["Accept"]
        names, begin = sorted(self.there), int(request.url.params.get("continue", 0))
        end = begin + min(3, int(request.url.params["limit"]))  # a server may give less than was asked for
        items = [{"metadata": self.there[each]["metadata"]} for each in names[begin:end]]
        return {"items": items, "metadata": {"continue": str(end)} if end < len(names) else {}}

    def _get(self, request: httpx2.Request, name: str) -> Document:
        return self.there[name]

    def _patch(self, request: httpx2.Request, name: str) -> Document:
        change, metadata = json.loads(request.content), self.there[name]["metadata"]
        assert list(change) == ["metadata"], "what it is, not what it is to do"
        if not self.forbidden:
            metadata.setdefault("annotations", {}).update(change["metadata"]["annotations"])
            metadata["managedFields"] = [each for each in change["metadata"]["managedFields"] if each]
        return {"metadata": metadata}


def ended(name: str) -> Document:
    """A run of thirty rounds that has ended, with its verdict among its outputs."""
    rounds = [pod("chain", level, "ticket", SUCCEEDED, score="97 %") for level in range(30)]
    made = workflow(name, *rounds, phase="Succeeded", spec={"arguments": {"parameters": [{"name": "store"}]}})
    made["status"] |= {"outputs": {"parameters": [{"name": "verdict", "value": "FAIL"}]}, "message": ""}
    return made


def reach(tmp_path: Path, api: Api) -> Argo:
    (tmp_path / "config").write_text(KUBECONFIG)
    return kube.from_environment({"KUBECONFIG": str(tmp_path / "config")}, httpx2.MockTransport(api), nap)


def test_what_has_ended_is_read_whole_once(tmp_path: Path) -> None:
    api = Api(*(ended(f"run-{number}") for number in range(8)), workflow("new", pod("chain", 0, "dense", RUNNING)))
    argo = reach(tmp_path, api)
    first, whole = argo.list(), api.bytes
    assert api.asked == {"list": 3, "get": 9, "patch": 8} and whole > 200_000
    api.asked.clear()
    api.bytes = 0
    second = argo.list()
    assert api.asked == {"list": 3, "get": 1}, "that which is at work"
    assert api.bytes < whole / 10
    for before, after in zip(first, second, strict=True):
        told = [(each.run, each.phase, each.verdict, each.finished) for each in map(tree, (before, after))]
        assert told[0] == told[1]
        assert before["spec"] == after["spec"] and ("nodes" in after["status"]) is (told[0][0] == "new")


def test_a_workflow_that_was_changed_since_is_read_again(tmp_path: Path) -> None:
    """As `argo retry` does: it has ended once more, and otherwise."""
    api = Api(ended("r"))
    argo = reach(tmp_path, api)
    argo.list()
    api.there["r"]["status"]["phase"] = "Failed"
    api.there["r"]["metadata"]["generation"] = 12
    (found,) = argo.list()
    assert tree(found).phase == "Failed"
    api.asked.clear()
    assert tree(argo.list()[0]).phase == "Failed" and api.asked["get"] == 0


@pytest.mark.parametrize(
    "said", ["{", "[]", "{}", '{"generation": 9, "spec": {}}', '{"generation": 9, "spec": 1, "status": {}}']
)
def test_a_note_that_is_none_is_written_anew(tmp_path: Path, said: str) -> None:
    api = Api(ended("r"))
    api.there["r"]["metadata"]["annotations"] = {SEEN: said}
    (found,) = reach(tmp_path, api).list()
    assert tree(found).verdict == "FAIL" and api.asked["patch"] == 1


def test_who_may_only_read_reads_whole(tmp_path: Path) -> None:
    api = Api(ended("r"), ended("s"))
    api.forbidden = True
    argo = reach(tmp_path, api)
    assert [tree(argo.list()[0]).verdict for _ in range(2)] == ["FAIL", "FAIL"] and api.asked["get"] == 4
    assert api.asked["patch"] == 1, "what was refused once is not asked for again"


def test_locks_of_those_at_work_are_seen(tmp_path: Path) -> None:
    waits = workflow("r")
    waits["status"]["synchronization"] = {"mutex": {"waiting": [{"mutex": "lab/Mutex/m"}]}}
    assert list(stuck(reach(tmp_path, Api(waits)).list())) == [("r", "lab/Mutex/m")]
