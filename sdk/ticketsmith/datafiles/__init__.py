"""The data of a task as a manifest of digests; its digest is the data's part of a run id."""

from .entries import Entry, Manifest, manifest
from .travel import blob_key, download, manifest_key, read, upload

__all__ = ["Entry", "Manifest", "blob_key", "download", "manifest", "manifest_key", "read", "upload"]
