"""Artifacts of a step, before they are committed."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """Names to bytes. `volatile` holds what differs by nature (timings)."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    volatile: Mapping[str, bytes] = field(default_factory=dict)
