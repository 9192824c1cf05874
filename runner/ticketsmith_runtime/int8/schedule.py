"""Steps of windows: at each, a unit in a lane takes its next few inputs from the bytes that follow one place.

The window begins at the first input that any lane of the group still waits for; a lane takes as many of its own inside
as there are picks. One that needs none multiplies by zero.

O: units.  I: inputs.  G: groups of units.  L: lanes of a group.  S: steps of all groups.  P: picks of a lane.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PICKS = 4
"""Products that one lane of 32 bits sums."""
FAR = np.iinfo(np.int32).max


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of the groups of a layer, group after group."""

    begins: NDArray[np.int32]
    """(G + 1): the first step of each group, and the end."""
    starts_S: NDArray[np.int32]
    """The place at which the window begins."""
    inputs_SLP: NDArray[np.int32]
    """The input of each pick, -1 where there is none."""

    @property
    def fill(self) -> float:
        """Share of the picks that carry a weight."""
        return float((self.inputs_SLP >= 0).mean()) if self.inputs_SLP.size else 1.0


def schedule(alive_OI: NDArray[np.bool_], places_I: NDArray[np.int64], lanes: int, window: int) -> Steps:
    """As few steps as the order of units and places allows.

    `places_I`: where each input is, in bytes; ascending. Lanes beyond the last unit are empty.
    """
    waits_GLN = _waits(alive_OI, lanes)
    places = np.append(places_I, FAR).astype(np.int64)
    groups, pick_P = len(waits_GLN), np.arange(PICKS)
    at_GL, going, lane_L = np.zeros((groups, lanes), np.int64), np.arange(groups), np.arange(lanes)
    group_S, starts_S, inputs_SLP = [going[:0]], [going[:0]], [np.zeros((0, lanes, PICKS), np.int32)]
    while len(going):
        next_GLP = waits_GLN[going[:, None, None], lane_L[:, None], at_GL[going][..., None] + pick_P]
        place_GLP = places[next_GLP]
        begin_G = place_GLP[..., 0].min(1)
        left = begin_G < FAR
        going, next_GLP, place_GLP, begin_G = (each[left] for each in (going, next_GLP, place_GLP, begin_G))
        takes_GLP = place_GLP < begin_G[:, None, None] + window
        at_GL[going] += takes_GLP.sum(2)
        group_S.append(going)
        starts_S.append(begin_G)
        inputs_SLP.append(np.where(takes_GLP, next_GLP, -1).astype(np.int32))
    group = np.concatenate(group_S)
    order = np.argsort(group, kind="stable")
    begins = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=groups))]).astype(np.int32)
    starts = np.concatenate(starts_S)[order].astype(np.int32)
    return Steps(begins, starts, np.concatenate(inputs_SLP)[order])


def _waits(alive_OI: NDArray[np.bool_], lanes: int) -> NDArray[np.int64]:
    """Inputs of each unit in their order, and beyond the last the number of inputs: (G, L, longest + P)."""
    lengths_O = alive_OI.sum(1)
    groups = -(-len(alive_OI) // lanes)
    waits_ON = np.full((groups * lanes, PICKS + int(lengths_O.max(initial=0))), alive_OI.shape[1], np.int64)
    units, inputs = np.nonzero(alive_OI)
    waits_ON[units, np.arange(len(units)) - np.repeat(np.cumsum(lengths_O) - lengths_O, lengths_O)] = inputs
    return waits_ON.reshape(groups, lanes, -1)
