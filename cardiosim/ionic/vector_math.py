"""exp, log and friends written so that LLVM vectorises loops that call them.

Numba has no vector math library: `math.exp` in a loop is one scalar call per node and
keeps the whole loop scalar. These are plain arithmetic and inline everywhere.

exp: range reduction x = n log 2 + r with the magic-number rounding of n, a polynomial
of degree 10 for exp(r) on |r| <= log(2)/2 and 2^n through the exponent bits. log: the
same in reverse, log(x) = k log 2 + 2 atanh((f - 1)/(f + 1)) with f in [0.707, 1.414).
Coefficients: interpolation at Chebyshev nodes in 50 digits; the polynomials' own
relative errors are 2.9e-16 and 1.3e-18. tests/ionic/test_vector_math.py measures the
whole: exp 5e-16 relative on [-700, 700], log 1e-15.

Reference: Muller, Elementary Functions, 3rd ed. 2016, ch. 3 and 11,
doi 10.1007/978-1-4899-7983-4.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Contraction to fused multiply-add only: reassociation would undo the two-term
# reduction by log 2 and the magic-number rounding.
_inline = njit(forceinline=True, error_model="numpy", fastmath={"contract"})

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_MAGIC = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer
_MAGIC_BITS = 0x4338000000000000
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_EXPONENT_MASK = -4503599627370496  # 0xFFF0000000000000


@_inline
def exp(x):
    """e^x; the argument is clamped to [-708, 709], NaN stays NaN."""
    return _exp_of_moderate(min(max(x, -708.0), 709.0))


@_inline
def exp_within(x, limit):
    """e^x with the argument clamped to [-limit, limit], limit <= 708."""
    return _exp_of_moderate(min(max(x, -limit), limit))


@_inline
def _exp_of_moderate(x):
    t = x * _LOG2_E + _MAGIC
    n = t - _MAGIC
    r = x - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    p = 2.7626357241447222855e-7
    p = p * r + 2.764018079620985113e-6
    p = p * r + 2.4801504346997687255e-5
    p = p * r + 1.9841170270440068401e-4
    p = p * r + 1.3888888932488598181e-3
    p = p * r + 8.3333333856678224706e-3
    p = p * r + 4.1666666666573142611e-2
    p = p * r + 1.6666666666554404471e-1
    p = p * r + 5.0000000000000056169e-1
    p = p * r + 1.0000000000000067423
    p = p * r + 1.0
    bits = np.float64(p).view(np.int64) + (np.float64(t).view(np.int64) << 52)
    return np.int64(bits).view(np.float64)


@_inline
def log(x):
    """Natural logarithm of x >= 2^-1022; NaN for x <= 0, infinity stays infinity."""
    bits = np.float64(x).view(np.int64)
    shifted = bits - _SQRT_HALF_BITS
    k = shifted >> 52
    f = np.int64(bits - (shifted & _EXPONENT_MASK)).view(np.float64)
    power = np.int64(k + _MAGIC_BITS).view(np.float64) - _MAGIC
    s = (f - 1.0) / (f + 1.0)
    z = s * s
    p = 0.074127207438415736918
    p = p * z + 0.076555081947686330565
    p = p * z + 0.090918442061569007131
    p = p * z + 0.11111098004231099617
    p = p * z + 0.14285714385250533381
    p = p * z + 0.19999999999629314759
    p = p * z + 0.33333333333333858703
    p = p * z + 1.0
    result = power * _LN2_HIGH + (2.0 * s * p + power * _LN2_LOW)
    result = result if x > 0.0 else np.nan
    return result if x < np.inf else x


@_inline
def x_over_expm1(u):
    """u/(exp(u) - 1), 1 at u = 0; relative error below 2e-14.

    The series (Bernoulli numbers) serves where exp(u) - 1 would cancel.
    """
    v = u * u
    series = v * (1.0 / 30240.0) - 1.0 / 720.0
    series = v * series + 1.0 / 12.0
    series = v * series - 0.5 * u + 1.0
    is_small = abs(u) < 0.05
    safe = 1.0 if is_small else u
    quotient = safe / (exp(safe) - 1.0)
    return series if is_small else quotient


@_inline
def power(x, y):
    """x^y for finite x >= 0; NaN for x < 0."""
    result = exp(y * log(x))
    at_zero = 0.0 if y > 0.0 else (1.0 if y == 0.0 else np.inf)
    return at_zero if x == 0.0 else result
