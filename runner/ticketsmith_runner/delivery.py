"""Brings a run's data files from its store, where the data root has them not: a pod begins with an empty disk."""

from pathlib import Path

from ticketsmith.datafiles import Entry, download, manifest_key, read
from ticketsmith.errors import IntegrityError, UsageError
from ticketsmith.stores import Store


def data_root(store: Store, files: str | None, given: str, folder: Path) -> str:
    """The data root: `given`, if nothing is to be brought or it has every file; else `folder`, with the files in it.

    `files` is the digest of their manifest. Contents are verified as they are brought, and by the run id in any case.
    """
    if files is None or not store.exists(manifest_key(files)):
        return given
    if all(_there(Path(given), entry) for entry in read(store, files).entries):
        return given
    download(store, files, folder)
    return str(folder)


def missing(store: Store, files: str | None, given: str, error: UsageError) -> UsageError | IntegrityError:
    """The error that `data()` ended with; another one, if its cause is that there is no data anywhere."""
    if files is None or not isinstance(error.__cause__, OSError | RuntimeError) or store.exists(manifest_key(files)):
        return error
    place = f"{store.url}/{manifest_key(files)}"
    return IntegrityError(
        f"the data of the run is not below {given!r}, and {place} is missing: {error.__cause__}",
        "submit it again, which sends the data; or give its folder (--data-root; in pods TICKETSMITH_DATA_ROOT)",
    )


def _there(root: Path, entry: Entry) -> bool:
    path = root / entry.path
    return path.is_file() and path.stat().st_size == entry.size
