"""Everything a pod needs besides its image, put into the store: the task's code, its card, the files of its data."""

from collections.abc import Callable
from pathlib import Path

from .. import cards
from ..datafiles import manifest, manifest_key, upload
from ..errors import Conflict, UsageError
from ..hardware import Profile
from ..lottery.spec import Experiment
from ..sources.modules import installed_file
from ..stores import Store
from ..transport import listed

Done = Callable[[str, int, int], None]
"""Told after each file: its path, files done, files in all."""


def check(spec: Experiment, data_root: str) -> None:
    """Would a pod have every file that the task reads? Raises UsageError."""
    made, root = cards.made(spec.task, data_root), Path(data_root).absolute()
    if made.unnamed:
        raise UsageError(
            f"{spec.task} reads {made.unnamed}, which its Splits does not name: no pod would have it",
            "name the files in Splits(files=…); or mount the data read-only in the pods, then submit with --mounted",
        )
    if strays := [file for file in made.files if not installed_file(Path(file)) and not _below(Path(file), root)]:
        raise UsageError(
            f"{spec.task} names data files outside the data root {root}, which no pod would have:{listed(strays)}",
            "move them below it, or give a folder that holds them all with --data-root",
        )


def check_device(spec: Experiment, machines: Profile) -> None:
    """Would training use the GPU that each of its pods holds? Raises UsageError.

    The profile is no part of a run: it cannot choose the device, on which the run id hangs.
    """
    if machines.train.accelerator and spec.training.device != "cuda":
        raise UsageError(
            f"profile {machines.name}: each training pod would hold a GPU and train on the processor",
            "--set training.device=cuda trains on it, --profile cpu holds none; --set training.device=cpu means it",
        )


def send(store: Store, spec: Experiment, data_root: str, *, mounted: bool, done: Done = lambda *_: None) -> int:
    """Put code, card and data files into the store, each once; returns the bytes of data that were new.

    `mounted`: the pods have the data, and none is sent. Raises UsageError for what must not or cannot travel, before
    anything is sent; Conflict if the task is not what the spec was made of.
    """
    new = 0
    if not mounted:
        check(spec, data_root)
        new = _data(store, spec, data_root, done)
    cards.keep(store, spec, data_root)
    return new


def _data(store: Store, spec: Experiment, data_root: str, done: Done) -> int:
    made = cards.made(spec.task, data_root)
    if made.card.files is None or store.exists(manifest_key(made.card.files)):
        return 0
    root = Path(data_root).absolute()
    files = manifest(root, map(Path, made.files)).luggage
    if files is None or files.digest != made.card.files:
        raise Conflict(f"the data of {spec.task} changed while it was submitted", "run the same command again")
    return upload(store, files, root, done)


def _below(file: Path, root: Path) -> bool:
    return root in file.parents or root.resolve() in file.resolve().parents
