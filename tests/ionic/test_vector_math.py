"""Accuracy of the vectorisable exp, log, x/(exp(x) - 1) and power.

The functions are measured as the kernels use them: inlined in a loop with the kernels'
flags, so in their vectorised form. References are computed in extended precision where
the platform has it; else the reference's own half unit in the last place counts too.
"""

import numpy as np
import pytest
from numba import njit

from cardiosim.ionic import vector_math

KERNEL = {"error_model": "numpy", "fastmath": {"contract", "reassoc", "arcp"}}

EPS = np.finfo(float).eps  # 2.2e-16
REFERENCE_ERROR = EPS / 2 if np.finfo(np.longdouble).eps >= EPS else 0.0


@njit(**KERNEL)
def exp_all(x, out):
    for i in range(x.size):
        out[i] = vector_math.exp(x[i])


@njit(**KERNEL)
def log_all(x, out):
    for i in range(x.size):
        out[i] = vector_math.log(x[i])


@njit(**KERNEL)
def x_over_expm1_all(x, out):
    for i in range(x.size):
        out[i] = vector_math.x_over_expm1(x[i])


@njit(**KERNEL)
def power_all(x, y, out):
    for i in range(x.size):
        out[i] = vector_math.power(x[i], y[i])


def of(function, *arguments):
    """The function at all arguments, one array each."""
    arguments = [np.asarray(a, dtype=float) for a in arguments]
    out = np.full(arguments[0].size, np.nan)
    function(*arguments, out)
    return out


def relative_error(value, reference):
    return float(np.max(np.abs((value - reference) / reference)))


def spread(low, high, n=400_000, seed=1):
    """Random points and both ends."""
    inside = np.random.default_rng(seed).uniform(low, high, n)
    return np.concatenate([inside, [low, high]])


@pytest.mark.parametrize("limit", [1e-3, 0.35, 20.0, 700.0])
def test_exp_is_right_to_two_units_in_the_last_place(limit):
    x = spread(-limit, limit)
    error = relative_error(of(exp_all, x), np.exp(x.astype(np.longdouble)))
    assert error < 5e-16 + REFERENCE_ERROR  # as its docstring says


def test_exp_is_right_where_the_range_reduction_switches():
    n = np.arange(-1000, 1000)
    middle = (n + 0.5) * np.log(2.0)
    x = np.concatenate([middle, np.nextafter(middle, 1e9), np.nextafter(middle, -1e9)])
    error = relative_error(of(exp_all, x), np.exp(x.astype(np.longdouble)))
    assert error < 5e-16 + REFERENCE_ERROR


def test_exp_of_zero_is_one():
    assert of(exp_all, [0.0, -0.0]).tolist() == [1.0, 1.0]


def test_exp_is_clamped_to_finite_positive_numbers():
    x = [-1e300, -np.inf, -745.0, -708.0, 709.0, 710.0, 1e300, np.inf]
    at_ends = of(exp_all, x)
    assert (at_ends[:4] == at_ends[3]).all()
    assert (at_ends[4:] == at_ends[4]).all()
    np.testing.assert_allclose(at_ends[[3, 4]], np.exp([-708.0, 709.0]), rtol=1e-15)


@pytest.mark.parametrize(("low", "high"), [(0.01, 100.0), (1e-300, 1e300)])
def test_log_is_right_to_a_few_units_in_the_last_place(low, high):
    x = np.exp(spread(np.log(low), np.log(high)))
    x = x[np.abs(x - 1.0) > 1e-3]
    error = relative_error(of(log_all, x), np.log(x.astype(np.longdouble)))
    assert error < 1e-15  # as its docstring says


def test_log_keeps_its_relative_error_next_to_one():
    x = np.concatenate([1.0 + spread(-1e-3, 1e-3), [np.nextafter(1.0, 2.0)]])
    x = x[x != 1.0]
    # x - 1 is exact here, so log1p of it is the reference.
    reference = np.log1p(x.astype(np.longdouble) - 1)
    assert relative_error(of(log_all, x), reference) < 1e-15
    assert of(log_all, [1.0])[0] == 0.0


def test_log_is_right_where_the_range_reduction_switches():
    root = np.sqrt(0.5) * 2.0 ** np.arange(-1000, 1001)
    x = np.concatenate([root, np.nextafter(root, 0.0), np.nextafter(root, np.inf)])
    error = relative_error(of(log_all, x), np.log(x.astype(np.longdouble)))
    assert error < 1e-15


def test_log_outside_its_domain():
    values = of(log_all, [0.0, -0.0, -1.0, -np.inf, np.inf])
    assert np.isnan(values[:4]).all()
    assert values[4] == np.inf


def bernoulli_function(u):
    """u/(exp(u) - 1) in extended precision, u not zero."""
    u = u.astype(np.longdouble)
    return u / np.expm1(u)


@pytest.mark.parametrize("limit", [1e-12, 1e-3, 0.05, 0.06, 5.0, 700.0])
def test_x_over_expm1_is_right_to_fourteen_digits(limit):
    u = spread(-limit, limit)
    error = relative_error(of(x_over_expm1_all, u), bernoulli_function(u))
    assert error < 2e-14  # as its docstring says


def test_x_over_expm1_joins_its_series_smoothly():
    for seam in (-0.05, 0.05):
        u = np.array([np.nextafter(seam, -1.0), seam, np.nextafter(seam, 1.0)])
        values = of(x_over_expm1_all, u)
        # Both sides are right to 2e-14, their arguments the same to 1e-17.
        assert np.ptp(values) < 4e-14


def test_x_over_expm1_at_zero_and_far_out():
    values = of(x_over_expm1_all, [0.0, -0.0, 5e-324, -800.0, 800.0])
    assert values[:3].tolist() == [1.0, 1.0, 1.0]
    assert values[3] == 800.0
    assert 0.0 <= values[4] < 1e-300


@pytest.mark.parametrize("exponent", [0.4457, 1.6, -2.3, 3.0, 0.0])
def test_power_is_right_as_far_as_its_exponent_allows(exponent):
    x = np.exp(spread(-50.0, 50.0))
    y = np.full_like(x, exponent)
    reference = x.astype(np.longdouble) ** np.longdouble(exponent)
    # exp turns the rounding of its argument, up to 50 times y, into a relative error.
    tolerance = 1e-15 + 50.0 * abs(exponent) * EPS
    assert relative_error(of(power_all, x, y), reference) < tolerance


def test_power_of_zero_and_of_negative_numbers():
    x = [0.0, 0.0, 0.0, -1.0, -8.0]
    values = of(power_all, x, [0.4457, 0.0, -1.5, 0.5, 1.0 / 3.0])
    assert values[:3].tolist() == [0.0, 1.0, np.inf]
    assert np.isnan(values[3:]).all()


@pytest.mark.parametrize("function", [exp_all, log_all, x_over_expm1_all])
def test_nan_stays_nan(function):
    # Between numbers, so that it is one lane of a vector.
    x = np.full(64, 0.5)
    x[::3] = np.nan
    assert (np.isnan(of(function, x)) == np.isnan(x)).all()


def test_power_of_nan_is_nan():
    nan = np.nan
    assert np.isnan(of(power_all, [nan, 2.0, nan], [2.0, nan, nan])).all()


def test_loops_over_these_functions_are_vectorised():
    """What has just been measured is the vector form, if the processor has one."""
    for function in (exp_all, log_all, x_over_expm1_all):
        (assembly,) = function.inspect_asm().values()
        if "xmm" not in assembly:
            pytest.skip("no x86 vector registers")
        assert "mulpd" in assembly or "fmadd213pd" in assembly
