"""A network of tokens that mixes positions in ways of its own: for each new token the whole window is computed anew.

B: samples.  T: positions that the network knows.  n: new ones.
"""

from typing import Any

import numpy as np

from .execution import Execution
from .graph import Unsuited
from .numerics import Numbers
from .sequence import State, fitting

SAME = 1e-4
"""Share of the largest logit by which float32 may differ."""


class Anew:
    """Tokens in, logits out, as `sequence.Incremental` and as right; a step costs a whole window.

    Raises Unsuited if logits depend on tokens that come later: then a network cannot say what comes next.
    """

    def __init__(self, execution: Execution, reason: str) -> None:
        self._execution, self.reason = execution, reason
        self.length = execution.network.inputs[0].shape[0]
        if not self._looks_back():
            raise Unsuited(f"its logits depend on later tokens: {reason}")

    def start(self, batch: int = 1) -> State:
        """An empty sequence: tokens are all that is kept, zero where there is none yet."""
        return State(batch, kept={(0, 0): np.zeros((batch, self.length), np.int64)})

    def step(self, tokens: Any, state: State, last: bool = False) -> Numbers:
        """Logits of the new positions, (B, n) -> (B, n, V); `last`: of the last one alone, (B, 1, V)."""
        tokens_Bn = fitting(tokens, state.batch, state.length, self.length)
        window_BT, stop = state.kept[0, 0], state.length + tokens_Bn.shape[1]
        window_BT[:, state.length : stop] = tokens_Bn
        logits, start = self._execution(window_BT)[0], stop - 1 if last else state.length
        state.length = stop
        return logits[:, start:stop]

    def _looks_back(self) -> bool:
        """Tell whether logits stay what they are when later tokens change. A trial, where no proof was found."""
        rng = np.random.default_rng(0)
        first, other = rng.integers(0, min(self._execution.network.tables(), default=2), (2, 1, self.length))
        before = self._execution(first)[0]
        if before.ndim != 3 or before.shape[1] != self.length:
            raise Unsuited("its first output is not a row of logits for each position")
        for place in {1, self.length // 2, self.length - 1}:
            after = self._execution(np.concatenate([first[:, :place], other[:, place:]], 1))[0]
            if not np.abs(after - before)[:, :place].max(initial=0) <= SAME * np.abs(before).max():
                return False
        return True
