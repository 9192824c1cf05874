"""The record of a run in a store: what each step wrote, from what, with digests. Nothing counts before its manifest.

    <run-id>/spec/<digest>.json                            the whole spec, benchmark options included
    <run-id>/card.json                                     what is known of the task; written once
    <run-id>/environment.json                              versions that the run began with; written once
    <run-id>/trainers.json                                 which trainer each level has, and why; written once
    <run-id>/plan.json                                     after how many replicates the gate looks; written once
    <run-id>/tries.json                                    earlier runs of the same question; written once
    <run-id>/cohort-00/level-02/ticket/train/<artifact>    what a step wrote
    <run-id>/cohort-00/level-02/ticket/train/volatile.json digests of the artifacts that differ by nature (timings)
    <run-id>/cohort-00/level-02/ticket/train/manifest.json written last: digests, also of the parents' manifests
    <run-id>/cohort-00/level-02/ticket/train/attempt-0123456789ab/<artifact>
    <run-id>/notes/0001.json                               name and tags, where it was given some; the last one holds
    <run-id>/report/<digest of the report>/report.{html,md,json}
    <run-id>/report.html                                   the newest one, in a folder alone: it is replaced

An attempt that was cut short leaves bytes that no manifest names. On another kind of CPU the next attempt has other
bytes: what finds its key taken goes to a place named after its own digest, and `place` in the manifest's entry says so.

Two runs of one spec on one kind of CPU agree in every byte but the volatile artifacts, `volatile.json` and the reports.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from .documents import canonical
from .errors import Conflict, IntegrityError
from .lottery.spec import Experiment
from .lottery.steps import Step
from .stores import Store

MANIFEST = "manifest.json"
VOLATILE = "volatile.json"
TRAINERS = "trainers.json"
CARD = "card.json"
PLAN = "plan.json"
TRIES = "tries.json"
ENVIRONMENT = "environment.json"
SETTLED = (CARD, TRAINERS, PLAN, TRIES, ENVIRONMENT)
SECTIONS = {"parents": dict, "files": dict, "volatile": list}  # of a manifest


def spec_key(run_id: str, spec: Experiment) -> str:
    """Key of the whole spec: the one thing, besides the store, that a process needs to take part in a run."""
    return f"{run_id}/spec/{sha256(canonical(spec.model_dump(mode='json'))).hexdigest()[:12]}.json"


class Ledger:
    """The steps of one run: which are done, and their artifacts, verified whenever they are read.

    `environment` stands in every manifest that this process writes, as `"environment": {"torch": "2.15.0", ...}`: the
    versions that its step was computed with. Who only reads has none to give.
    """

    def __init__(self, store: Store, run_id: str, environment: Mapping[str, str] | None = None) -> None:
        self.store, self.run_id, self.environment = store, run_id, environment

    def done(self, step: Step) -> bool:
        """Has this step been committed, from the parents that are there now? Raises IntegrityError if from others."""
        if not self._committed(step):
            return False
        recorded = self.manifest(step)["parents"]
        for parent in step.parents:
            if recorded.get(parent.key) != self.digest(parent):
                raise self._broken(step, f"its parent {parent.key} is not the one it was made from")
        return True

    def commit(self, step: Step, files: Mapping[str, bytes], volatile: Mapping[str, bytes] | None = None) -> None:
        """Write the artifacts, then the manifest. What another attempt committed first stands; these bytes are dropped.

        Raises Conflict if that was made from other parents.
        """
        parents = {parent.key: self.digest(parent) for parent in step.parents}
        try:
            self._write(step, parents, files, volatile or {})
        except Conflict:
            if not self._committed(step) or self.manifest(step)["parents"] != parents:
                raise

    def where(self, step: Step, name: str) -> str:
        """The key of an artifact, as the manifest has it. Raises IntegrityError if it names none."""
        place, _ = self._recorded(step, name)
        return self._key(step, place)

    def read(self, step: Step, name: str) -> bytes:
        """The bytes of an artifact. Raises IntegrityError unless size and SHA-256 are the recorded ones."""
        place, expected = self._recorded(step, name)
        data = self._get(step, place)
        if (got := _entry(data)) != expected:
            raise self._broken(step, f"{name} is corrupted: expected {_text(expected)}, got {_text(got)}")
        return data

    def settle(self, name: str, propose: Callable[[], bytes]) -> bytes:
        """Settle `name` for the whole run: keep what was settled first, else what `propose` gives, and return it."""
        there = self.settled(name)
        return self._put_volatile(f"{self.run_id}/{name}", propose()) if there is None else there

    def settled(self, name: str) -> bytes | None:
        """The content that the whole run agreed on under `name`, or None."""
        key = f"{self.run_id}/{name}"
        return self.store.get(key) if self.store.exists(key) else None

    def agreed(self, name: str) -> Any:
        """The JSON document that the whole run agreed on under `name`, or None. Raises IntegrityError if it is none."""
        if (data := self.settled(name)) is None:
            return None
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise IntegrityError(
                f"{self.store.url}/{self.run_id}/{name} is corrupted: not JSON ({error})",
                "bring it back from a copy, or start the run anew in another --store",
            ) from error

    def manifest(self, step: Step) -> dict[str, Any]:
        """The manifest of a committed step. Raises IntegrityError if it is that of another."""
        manifest = self._document(step, MANIFEST)
        if any(not isinstance(manifest.get(field), kind) for field, kind in SECTIONS.items()):
            raise self._broken(step, f"{MANIFEST} is corrupted: fields are missing")
        if (whose := (manifest.get("run"), manifest.get("step"))) != (self.run_id, _step(step)):
            raise self._broken(step, f"{MANIFEST} is that of another step: {whose[0]} {whose[1]}")
        return manifest

    def digest(self, step: Step) -> str:
        """SHA-256 of a step's manifest: the identity of everything that led to it."""
        return sha256(self._get(step, MANIFEST)).hexdigest()

    def _committed(self, step: Step) -> bool:
        return self.store.exists(self._key(step, MANIFEST))

    def _write(
        self, step: Step, parents: dict[str, str], files: Mapping[str, bytes], volatile: Mapping[str, bytes]
    ) -> None:
        timings = {name: self._put_volatile(self._key(step, name), data) for name, data in volatile.items()}
        entries = {name: self._put(step, name, data) for name, data in files.items()}
        if timings:
            told = {name: _entry(data) for name, data in timings.items()}
            self._put_volatile(self._key(step, VOLATILE), canonical(told))
        manifest = {
            "schema": 1,
            "run": self.run_id,
            "step": _step(step),
            "parents": parents,
            "files": entries,
            "volatile": sorted(timings),
        }
        if self.environment is not None:
            manifest["environment"] = dict(self.environment)
        self.store.put_once(self._key(step, MANIFEST), canonical(manifest))

    def _put(self, step: Step, name: str, data: bytes) -> dict[str, object]:
        """Write an artifact, beside the bytes of an attempt that was cut short if need be; returns its entry."""
        try:
            self.store.put_once(self._key(step, name), data)
            return _entry(data)
        except Conflict:
            if self._committed(step):
                raise
        entry = _entry(data)
        self.store.put_once(self._key(step, place := _attempt(name, entry)), data)
        return entry | {"place": place}

    def _recorded(self, step: Step, name: str) -> tuple[str, Any]:
        """The place of an artifact below the step's folder, and the rest of its entry."""
        manifest = self.manifest(step)
        entries = self._document(step, VOLATILE) if name in manifest["volatile"] else manifest["files"]
        if name not in entries:
            raise self._broken(step, f"its manifest names no {name}")
        entry = dict(entries[name]) if isinstance(entries[name], dict) else {}
        place = entry.pop("place", name)
        if place not in (name, _attempt(name, entry)):
            raise self._broken(step, f"{MANIFEST} is corrupted: the place of {name} is not that of its digest")
        return place, entry

    def _document(self, step: Step, name: str) -> dict[str, Any]:
        try:
            document = json.loads(self._get(step, name))
        except (ValueError, RecursionError) as error:
            raise self._broken(step, f"{name} is corrupted: not JSON ({error})") from error
        if not isinstance(document, dict):
            raise self._broken(step, f"{name} is corrupted: not an object")
        return document

    def _get(self, step: Step, name: str) -> bytes:
        try:
            return self.store.get(self._key(step, name))
        except KeyError:
            raise self._broken(step, f"{name} is missing") from None

    def _put_volatile(self, key: str, data: bytes) -> bytes:
        """Write what may differ by nature. If another attempt left one already, that one stands."""
        try:
            self.store.put_once(key, data)
            return data
        except Conflict:
            return self.store.get(key)

    def _key(self, step: Step, name: str) -> str:
        return f"{self.run_id}/{step.key}/{name}"

    def _broken(self, step: Step, problem: str) -> IntegrityError:
        place = f"{self.store.url}/{self.run_id}/{step.key}"
        return IntegrityError(
            f"{step.key}: {problem} (in {place})",
            f"move {place} and every later level away and run the same command again: what is whole is kept",
        )


def _step(step: Step) -> dict[str, object]:
    return {"cohort": step.cohort, "level": step.level, "arm": step.arm, "kind": step.kind}


def _entry(data: bytes) -> dict[str, object]:
    return {"sha256": sha256(data).hexdigest(), "size": len(data)}


def _attempt(name: str, entry: Mapping[str, object]) -> str:
    return f"attempt-{str(entry.get('sha256'))[:12]}/{name}"


def _text(entry: Any) -> str:
    """`5 bytes of sha256 0123…`; an entry that is none, as it is."""
    try:
        return f"{entry['size']} bytes of sha256 {entry['sha256'][:16]}…"
    except (TypeError, KeyError):
        return repr(entry)
