"""exp, selects and friends on torch tensors, finite in value and in gradient.

A gradient passes through both arms of `torch.where`; an infinite derivative in the arm
that was not taken makes it 0 * inf, not a number. Nothing here overflows therefore, and
what could is given a harmless argument where its result is not used.

All take and return tensors of any shape, and work in the argument's own precision.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Beyond it exp(x) or 1/exp(x) leaves the normal numbers.
_LARGEST_EXPONENT = {torch.float64: 708.0, torch.float32: 87.0}


def exp(x: Tensor) -> Tensor:
    """e^x; the argument is clamped to the range of its precision, NaN stays NaN."""
    limit = _LARGEST_EXPONENT[x.dtype]
    return torch.exp(torch.clamp(x, -limit, limit))


def x_over_expm1(u: Tensor) -> Tensor:
    """u/(exp(u) - 1), 1 at u = 0; smooth, with all its derivatives.

    The series (Bernoulli numbers, to u^6/30240) serves where numerator and denominator
    vanish together; at |u| = 0.05 it is exact to 3e-17, its derivative to 5e-15.
    """
    v = u * u
    series = 1.0 - 0.5 * u + v * (1.0 / 12.0 - v * (1.0 / 720.0 - v / 30240.0))
    is_small = torch.abs(u) < 0.05
    safe = torch.where(is_small, 1.0, u)
    limit = _LARGEST_EXPONENT[u.dtype]
    quotient = safe / torch.expm1(torch.clamp(safe, max=limit))
    return torch.where(is_small, series, quotient)


def floor_quotient(a: Tensor, b: Tensor | float) -> Tensor:
    """Floor of a/b, whose derivative is 0."""
    return torch.div(a, b, rounding_mode="floor")


def row(value: Tensor | float, like: Tensor) -> Tensor:
    """A value as a row, even where it is one number for all nodes."""
    if isinstance(value, Tensor):
        return value.expand_as(like)
    return torch.full_like(like, value)
