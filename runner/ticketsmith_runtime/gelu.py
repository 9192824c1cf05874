"""GELU, x (1 + erf(x / sqrt 2)) / 2 (Hendrycks & Gimpel, arXiv 1606.08415): in numpy, and as LLVM IR.

In float32 erf is a quotient of two polynomials of x squared, fitted by least squares with weights that level the error
(Lawson): it differs from erf by 4e-7 at most, GELU by 1.3e-6 on [-8, 8], which is how float32 rounds there.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .llvm import splat

if TYPE_CHECKING:
    from .chain import Layer

EDGE = 3.95
"""Beyond, erf is 1 for float32."""
ABOVE = (1.128378987312317, 0.1940360963344574, 0.05320711433887482, 0.003917335066944361, 0.0002876009966712445,
         2.011739070439944e-06)  # fmt: skip
BELOW = (1.0, 0.5052915215492249, 0.11559092253446579, 0.015270736999809742, 0.001198205049149692,
         3.7839694414287806e-05)  # fmt: skip


def gelu(x: NDArray[Any]) -> NDArray[Any]:
    """GELU of each number; float64 by the C library's erf, which is slow and exact."""
    if x.dtype == np.float64:
        exact = np.vectorize(math.erf, otypes=[np.float64])(x * math.sqrt(0.5))
        return np.asarray(x * (0.5 + 0.5 * exact), np.float64)
    z = np.clip(x * np.float32(math.sqrt(0.5)), -EDGE, EDGE)
    above, below = (np.polynomial.polynomial.polyval(z * z, np.array(terms, np.float32)) for terms in (ABOVE, BELOW))
    return np.asarray(np.float32(0.5) * x * (1 + z * above / below), np.float32)


def bent(layers: "Sequence[Layer]") -> list[int]:
    """Numbers of the layers that GELU follows."""
    return [n for n, layer in enumerate(layers) if layer.gelu]


def used(layers: "Sequence[Layer]", lanes: int) -> Iterator[str]:
    """Its code, if any layer needs it."""
    return code(lanes) if bent(layers) else iter(())


def code(lanes: int) -> Iterator[str]:
    """`@gelu`(values, rows): in place, rows of so many lanes, to the bit as numpy computes it. NaN stays NaN."""
    kind, flags = f"<{lanes} x float>", f"<{lanes} x i1>"
    yield "define internal void @gelu(ptr %values, i64 %rows) {\nentry:\n  br label %row"
    yield f"row:\n  %r = phi i64 [0, %entry], [%next, %row]\n  %p = getelementptr {kind}, ptr %values, i64 %r"
    yield f"  %x = load {kind}, ptr %p, align 4\n  %s = fmul {kind} %x, {splat(math.sqrt(0.5), lanes)}"
    for name, compared, before, edge in (("low", "olt", "%s", -EDGE), ("z", "ogt", "%low", EDGE)):
        yield f"  %{name}f = fcmp {compared} {kind} {before}, {splat(edge, lanes)}"
        yield f"  %{name} = select {flags} %{name}f, {kind} {splat(edge, lanes)}, {kind} {before}"
    yield f"  %t = fmul {kind} %z, %z"
    for side, terms in (("a", ABOVE), ("b", BELOW)):
        last = splat(terms[-1], lanes)
        for n, term in enumerate(reversed(terms[:-1])):
            yield f"  %{side}m{n} = fmul {kind} {last}, %t"
            yield f"  %{side}{n} = fadd {kind} %{side}m{n}, {splat(term, lanes)}"
            last = f"%{side}{n}"
    n = len(ABOVE) - 2
    yield f"  %m = fmul {kind} %z, %a{n}\n  %q = fdiv {kind} %m, %b{n}\n  %e = fadd {kind} %q, {splat(1.0, lanes)}"
    yield f"  %h = fmul {kind} %x, {splat(0.5, lanes)}\n  %y = fmul {kind} %h, %e"
    yield f"  store {kind} %y, ptr %p, align 4\n  %next = add i64 %r, 1\n  %more = icmp ult i64 %next, %rows"
    yield "  br i1 %more, label %row, label %done\ndone:\n  ret void\n}"
