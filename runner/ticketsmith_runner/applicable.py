"""Refusals: a reason for the report, instead of a failure, where something is not for a network."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class NotApplicable(Exception):
    """A back-end cannot serve a network. The message is the reason, and stands in the report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class Once(Generic[S, T]):
    """A property that is computed once. A refusal is remembered too.

    >>> class Half:
    ...     tries = 0
    ...     @Once
    ...     def value(self) -> int:
    ...         self.tries += 1
    ...         raise NotApplicable(f"tried {self.tries} times")
    >>> half = Half()
    >>> for _ in range(2):
    ...     try: half.value
    ...     except NotApplicable as reason: print(reason)
    tried 1 times
    tried 1 times
    """

    def __init__(self, make: Callable[[S], T]) -> None:
        self.make, self.key = make, f"once {make.__name__}"
        self.__doc__ = make.__doc__

    def __get__(self, owner: S, kind: type[S] | None = None) -> T:
        known: dict[str, Any] = vars(owner)
        if self.key not in known:
            try:
                known[self.key] = self.make(owner)
            except NotApplicable as reason:
                known[self.key] = reason
        result: T = known[self.key]
        if isinstance(result, NotApplicable):
            raise NotApplicable(str(result))
        return result
