"""The code of a task as a canonical archive: under its SHA-256 it travels through the store to whoever runs it."""

from ..errors import UsageError
from .closure import Task, closure
from .luggage import Part, data_files, refuse, refuse_contents
from .modules import Modules
from .tar import code_key, digest, listing, pack, unpack

__all__ = ["archive", "code_key", "digest", "libraries", "listing", "unpack"]


def archive(task: Task, modules: Modules | None = None) -> bytes:
    """The task's file, the modules that it imports from outside site-packages, and the data files in its `FILES`.

    Nothing is imported. Raises UsageError that lists every file which must not travel.
    """
    own = closure(task, modules or Modules()).modules
    parts = {module.member: Part(module.member, module.file, module.root) for module in own if module.file}
    named = data_files(next(module for module in own if module.name == task.module))
    parts = {part.name: part for part in named} | parts
    refuse(task.file, parts.values())
    try:
        files = {name: part.file.read_bytes() for name, part in parts.items()}
    except OSError as error:
        raise UsageError(f"cannot read {error.filename}: {error.strerror}", "check its permissions") from error
    refuse_contents(task.file, files)
    return pack(files)


def libraries(task: Task, modules: Modules | None = None) -> list[str]:
    """Names of the installed modules that the task's code imports: what an image needs, besides TicketSmith."""
    return list(closure(task, modules or Modules()).libraries)
