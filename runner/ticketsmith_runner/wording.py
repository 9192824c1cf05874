"""The text of a task's tokens: strings that stand in its file, or a tokenizer's file that travels with it."""

from pathlib import Path

from ticketsmith.errors import UsageError
from ticketsmith.sources.luggage import TOKENIZER
from ticketsmith.transport import below
from ticketsmith_runtime.tokenizer import INSTALL, LIBRARY, Tokenizer
from ticketsmith_runtime.vocabulary import Vocabulary

from .tasks import Task

FIX = (
    "give VOCABULARY a string for each token, as many as the network has logits; or a tokenizer.json of no more tokens"
)


def vocabulary(task: Task) -> Vocabulary | Tokenizer | None:
    """None if the task has none. Raises UsageError if it is none, or cannot be read here."""
    if (given := task.vocabulary) is None:
        return None
    try:
        if isinstance(given, str) and given.endswith(TOKENIZER):
            return _tokenizer(task, given)
        return Vocabulary(list(given))
    except (TypeError, ValueError) as error:
        raise UsageError(f"VOCABULARY of task {task.module}: {error}", FIX) from None


def _tokenizer(task: Task, name: str) -> Tokenizer:
    """The file, of those that travelled with the task."""
    place = Path(task.folder, *task.module.split("."))
    file = (place if (place / "__init__.py").is_file() else place.parent) / name
    if not below(name) or not file.is_file():
        raise UsageError(
            f"VOCABULARY of task {task.module} is {name!r}, which is no file that travels with it",
            'write the name into the line itself, as it is read before it is executed: VOCABULARY = "tokenizer.json"',
        )
    tokenizer = Tokenizer(file.read_bytes())
    if tokenizer.untried:
        raise UsageError(f"VOCABULARY of task {task.module}: {LIBRARY} is not installed", INSTALL)
    return tokenizer
