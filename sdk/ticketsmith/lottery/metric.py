"""The measure of a task: one number an example gets, how it is written, and how much of it a ticket may lose."""

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Metric(BaseModel):
    """A score for each example, recorded in one unit and shown in another one or the same.

    A *change* is candidate minus dense; *harm* is a change turned so that what is worse is positive.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=40)
    """In words: accuracy, loss, intersection over union."""
    unit: str = Field("", max_length=20)
    """The unit of a score as it is shown: %, nats, bits."""
    scale: float = Field(1.0, gt=0)
    """Shown is `scale` times what is recorded: 100 for shares, 1 / ln 2 for nats that are shown as bits."""
    higher_is_better: bool = False
    margin: float = Field(gt=0)
    """Recorded units that a ticket may lose against dense, unless a spec says otherwise."""
    whole: Literal["f1", "auc", "weighted"] | None = None
    """Null: the mean of the examples' scores. Else a score of the whole test set, made of columns of the records.

    f1: of `prediction` and `label`; of class 1 where there are two, else the mean over classes. auc: of `score`, of
    class 1, and `label`. weighted: the sum of `score` times `weight` over that of `weight`, as for tokens.
    """

    @property
    def change_unit(self) -> str:
        """The unit of a change: that of the score, but points for a share."""
        return "points" if self.unit == "%" else self.unit

    @property
    def decimals(self) -> int:
        """As many as show a tenth of the margin, and two at least.

        >>> ACCURACY.decimals, NATS.decimals
        (2, 3)
        """
        return max(2, 1 + math.ceil(-math.log10(self.scale * self.margin) - 1e-9))

    def shown(self, score: float) -> str:
        """A score in its unit, as plain text.

        >>> ACCURACY.shown(0.9712), BITS.shown(1.3333)
        ('97.12 %', '1.924 bits')
        """
        rounded = round(self.scale * score, self.decimals) + 0.0  # zero has no sign
        return f"{rounded:,.{self.decimals}f} {self.unit}".rstrip()

    def harm(self, change: float) -> float:
        """A change, turned so that what is worse is positive; and back.

        >>> ACCURACY.harm(-0.01), NATS.harm(0.5)
        (0.01, 0.5)
        """
        return -change if self.higher_is_better else change


ACCURACY = Metric(name="accuracy", unit="%", scale=100, higher_is_better=True, margin=0.005)
NATS = Metric(name="loss", unit="nats", margin=0.01)
BITS = Metric(name="loss", unit="bits", scale=1 / math.log(2), margin=0.02 * math.log(2))
