"""This machine, as far as a time depends on it: its processor and the versions of what computes."""

import platform
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .documents import canonical

COMPUTING = ("torch", "numpy", "llvmlite", "onnxruntime", "openvino")


def cpu() -> str:
    """The processor's model name where the system tells it (Linux), otherwise what Python knows."""
    path = Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.exists() else []:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def versions(packages: Sequence[str] = COMPUTING) -> dict[str, str]:
    """Versions of the packages that are installed; none of them is imported."""
    installed = {}
    for name in packages:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def fingerprint() -> str:
    """12 hex digits that another processor, or another version, does not have."""
    return sha256(canonical({"cpu": cpu(), **versions()})).hexdigest()[:12]
