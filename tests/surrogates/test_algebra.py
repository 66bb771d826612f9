"""One text of a step: on tensors it is computed, on symbols it becomes equations."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cardiosim.ionic.cell_library import model_source  # noqa: E402
from cardiosim.ionic.evaluation import evaluate  # noqa: E402
from cardiosim.ionic.expressions import Apply, Name, Number  # noqa: E402
from cardiosim.ionic.tensor_network import TensorNetwork  # noqa: E402
from cardiosim.surrogates.algebra import SymbolAlgebra, TensorAlgebra  # noqa: E402
from tests.surrogates.toy_surrogates import SMALL  # noqa: E402

N = 7


@pytest.fixture
def cell(toy_cell):
    return model_source(toy_cell).equations()


@pytest.fixture
def values():
    random = np.random.default_rng(0)
    return {
        "membrane.V": random.uniform(-90.0, 40.0, N),
        "ina.m": random.random(N),
        "ina.h": random.random(N),
        "ik.n": random.random(N),
    }


def both_ways(step, cell, values, networks=()):
    """Rows of a step from equations and from tensors, (n, n_nodes) each."""
    symbols = SymbolAlgebra(cell, networks)
    rows = {n: symbols.row(n) for n in values}
    definitions = {**cell.definitions}
    written = step(symbols, rows)
    definitions |= symbols.definitions
    known = {}
    from_equations = [
        evaluate(row.expression, definitions, values, np, known, networks)
        for row in written
    ]
    tensors = {n: torch.tensor(v) for n, v in values.items()}
    algebra = TensorAlgebra(cell, [TensorNetwork(n) for n in networks], tensors)
    computed = step(algebra, tensors)
    return np.array(from_equations), torch.stack(list(computed)).detach().numpy()


def test_arithmetic_and_functions(cell, values):
    def step(a, x):
        V, m, h = x["membrane.V"], x["ina.m"], x["ina.h"]
        u = a.keep("u", (2.0 - V) / (3.0 + m) * 0.5 + h * 4.0 - 1.0)
        positive = a.select(u > 0.0, u, 1.0 - u)
        return [
            -u + 1.0 / (h + 1.0),
            2.0 - u,
            a.exp(0.01 * u) ** 2.0,
            a.log(positive + 1.0) + a.sqrt(positive),
            abs(u) + a.clamp(V, -60.0, -10.0),
            a.x_over_expm1(0.1 * u),
            a.select(m <= 0.5, 0.1, a.select(h >= 0.3, m, 2.0 * h)),
        ]

    written, computed = both_ways(step, cell, values)
    np.testing.assert_allclose(written, computed, rtol=1e-14)


def test_two_numbers_of_a_select_keep_the_precision(cell, values):
    # 0.1 in float32 is 1.5e-9 off.
    _, computed = both_ways(
        lambda a, x: [a.select(x["ina.m"] > 0.5, 0.1, 0.3)], cell, values
    )
    assert set(computed.ravel()) <= {0.1, 0.3}


def test_a_clamped_row_stays_inside_its_range(cell, values):
    values["membrane.V"] = np.array([-1e6, -80.0, -79.0, 0.0, 15.0, 16.0, 1e6])
    written, computed = both_ways(
        lambda a, x: [a.clamp(x["membrane.V"], -80.0, 15.0)], cell, values
    )
    expected = np.clip(values["membrane.V"], -80.0, 15.0)
    # Differences of a number and the bounds round with the number.
    np.testing.assert_allclose(written[0], expected, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(computed[0], expected)


def test_a_network(cell, values):
    def step(a, x):
        return a.network(0, [0.02 * x["membrane.V"], 0.5, *list(x.values())[1:]])

    written, computed = both_ways(step, cell, values, [SMALL])
    # float32 weights, float64 arithmetic; sums in another order.
    np.testing.assert_allclose(written, computed, rtol=1e-12, atol=1e-14)


def test_equations_of_the_cell_at_other_values(cell, values):
    # What depends on V follows it; what does not is what it is at the start.
    flux = Apply("*", (Name("ca.flux"), Number(2.0)))

    def step(a, x):
        moved = {"membrane.V": x["membrane.V"] + 10.0}
        steady, current = a.cell(["ina.m_inf", "ina.i_Na"], moved)
        return [steady, current, *a.cell([flux, "ik.n_inf"], {})]

    values |= {"ca.c": np.full(N, 2e-4), "ca.s": np.linspace(1e-3, 2e-3, N)}
    written, computed = both_ways(step, cell, values)
    np.testing.assert_allclose(written, computed, rtol=1e-13)
    V = values["membrane.V"] + 10.0
    np.testing.assert_allclose(written[0], 1.0 / (1.0 + np.exp(-(V + 40.0) / 6.0)))
    m, h = values["ina.m"], values["ina.h"]
    np.testing.assert_allclose(written[1], 15.0 * m**3 * h * (V - 50.0), rtol=1e-12)


def test_an_intermediate_is_computed_once(cell):
    algebra = SymbolAlgebra(cell)
    moved = {"membrane.V": algebra.keep("V", algebra.row("membrane.V") + 1.0)}
    algebra.cell(["ina.i_Na", "ina.i_Na"], moved)
    assert [n.rpartition("_")[2] for n in algebra.definitions] == ["V", "Na"]


def test_a_row_is_no_condition_of_python(cell):
    row = SymbolAlgebra(cell).row("membrane.V")
    with pytest.raises(TypeError, match="use algebra.select"):
        bool(row > 0.0)
