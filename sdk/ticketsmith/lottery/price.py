"""Prices of machines by the hour, as a user says them. Nothing is priced unless somebody did."""

from datetime import date as Day
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Dollars = Annotated[float, Field(gt=0, le=1e6)]
Parts = Annotated[int, Field(ge=1, le=1 << 20)]


class Priced(BaseModel):
    """A section of a price list: frozen, strict, closed to keys it does not know, without NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Machine(Priced):
    """A machine, whole."""

    dollars_per_hour: Dollars
    cores: Parts | None = None
    """Cores that the price is for. Null: as many as the machine has that was measured."""
    gpus: Parts = 1
    """GPUs that it is for, where the work was done on one."""
    source: str = ""
    """The place where the price stands."""


class Prices(Priced):
    """A price list, such as `prices.yaml`."""

    date: Day
    """The day on which the prices were looked up."""
    machines: Annotated[dict[str, Machine], Field(min_length=1)]
    serve: str | None = None
    """The machine that serves. Null: the only one, or the one that `--price` names."""
    search: str | None = None
    """The machine that searched for the ticket. Null: the one that serves."""

    @model_validator(mode="after")
    def _known(self) -> "Prices":
        for role, name in (("serve", self.serve), ("search", self.search)):
            if name is not None and name not in self.machines:
                raise ValueError(f"{role}: no machine is called {name!r}: choose from {', '.join(self.machines)}")
        return self


class Rate(Machine):
    """A machine with the name that it was chosen by."""

    name: str
    date: str | None
    """The day of the price list; null: the price was typed."""


class Rates(Priced):
    """All that a user says about money."""

    serve: Rate
    search: Rate
    per_day: Annotated[float, Field(gt=0, le=1e18)] | None = None
    """Units that are asked for in a day."""
