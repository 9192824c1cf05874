"""The data of a task as a manifest of digests; its digest is the data's part of a run id."""

from .entries import Entry, Manifest, manifest
from .travel import LARGEST, blob_key, download, manifest_key, read, upload

__all__ = ["LARGEST", "Entry", "Manifest", "blob_key", "download", "manifest", "manifest_key", "read", "upload"]
