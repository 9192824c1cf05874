"""The card of a task: all that is known of a user's file by those who do not import it."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from .metric import Metric


class Card(BaseModel):
    """Made by the runner, which imports the task; kept with the run, so that reports outlive the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    """A DNS label: the file's name, that of the entry point, or the last part of a module's."""
    module: str
    """The task's import name within its archive of code."""
    summary: str
    """First line of its docstring."""
    metric: Metric
    defaults: dict[str, Any]
    """Spec fields that differ from those of the package: the task's `DEFAULTS`."""
    options: dict[str, Any]
    """Keyword arguments of `model`, with their defaults."""
    examples: int
    """All of them, those of every split."""
    test: int
    """Examples that test a replicate; of the largest fold, where there are folds."""
    folds: int = 0
    """Cross-fitting: each block of so many replicates tests every example once."""
    validation: int
    """Examples that a replicate holds out, for early stopping and for choosing a replicate."""
    grouped: bool = False
    """True if examples come in groups (patients, passages) that are not independent."""
    smaller: bool = False
    """True if the task can make dense networks of fewer weights, for the control of that name."""
    engine: str
    """SHA-256 of the package's own sources that decide numbers."""
    code: str
    """SHA-256 of the archive of the task's code."""
    data: str
    """SHA-256 of the examples."""
    files: str | None = None
    """SHA-256 of the manifest of the data files, by which a pod finds them; None: nothing lies below the data root."""

    @property
    def room(self) -> int:
        """Examples that a replicate trains on, of the smallest training split."""
        return self.examples - self.test - self.validation
