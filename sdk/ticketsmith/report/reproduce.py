"""The way to run it again: one command, the spec as YAML, and what the bytes were made from."""

import json
from collections.abc import Iterator
from typing import Any

from ..lottery.spec import Experiment
from .findings import Findings

COMMAND = "ticketsmith run imp --config spec.yaml"


def yaml(spec: Experiment) -> str:
    """The whole spec as YAML 1.2, every default written out. Sections are blocks, values are JSON."""
    return "\n".join(_lines(spec.model_dump(mode="json"), ""))


def provenance(findings: Findings) -> dict[str, str]:
    """Sources of the report, and versions that made it."""
    facts = {
        "Run": findings.run_id,
        "TicketSmith": findings.version,
        "Report inputs, SHA-256": findings.digest,
        "Steps done": f"{len(findings.inputs)} of {len(findings.inputs) + len(findings.missing)}",
    }
    if findings.trainers:
        facts["Trained by"] = _trainers(findings.trainers)
    if findings.speed:
        machine = findings.speed.machine
        facts["Speed measured on"] = f"{machine.cpu}, {machine.cores} cores, {machine.device}, {machine.date}"
        facts["Versions there"] = ", ".join(f"{name} {version}" for name, version in sorted(machine.versions.items()))
    return facts


def _trainers(of_level: dict[str, str]) -> str:
    """`dense-mlp (level 0, 1, 2), csr-mlp (level 3, 4)`: sparse levels skip the weights that are gone."""
    levels: dict[str, list[str]] = {}
    for level, name in sorted(of_level.items(), key=lambda item: (not item[0].isdigit(), len(item[0]), item[0])):
        levels.setdefault(name, []).append(level)
    return ", ".join(f"{name} (level {', '.join(at)})" for name, at in levels.items())


def _lines(section: dict[str, Any], indent: str) -> Iterator[str]:
    for key, value in section.items():
        if isinstance(value, dict) and value:
            yield f"{indent}{key}:"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}"
