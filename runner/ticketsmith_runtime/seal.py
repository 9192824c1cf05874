"""The digest that a manifest carries of itself. It finds damage and casual edits; it is no signature: whoever edits a
package on purpose can write a new one.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from .archive import MANIFEST, BadPackage, bad

DIGEST = "digest"
UNSEALED = "its manifest carries no digest, so what it says of speed and verdict could not be checked"


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with its digest."""
    return {**manifest, DIGEST: _digest(manifest)}


def has_seal(manifest: Mapping[str, Any]) -> bool:
    """False for a package that was written before there were digests. Raises BadPackage if it is another's."""
    if DIGEST not in manifest:
        return False
    if manifest[DIGEST] != _digest(manifest):
        bad(MANIFEST, "has another digest than it says: it was damaged or edited after it was packed")
    return True


def _digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of the rest as JSON with sorted keys and no spaces, so that its layout does not count."""
    rest = {key: value for key, value in manifest.items() if key != DIGEST}
    try:
        return sha256(json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()).hexdigest()
    except (ValueError, RecursionError) as error:
        raise BadPackage(f"{MANIFEST}: {error}") from None
