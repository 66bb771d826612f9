"""The shipped calcium step: what it conserves, its bounds, its beat, its refusals."""

import json

import numpy as np
import pytest

from cardiosim.ionic.compiled import compile_cell
from cardiosim.surrogates.calcium_buffers import free_calcium, free_of_total
from cardiosim.surrogates.calcium_step import GATES, PUMP, TOTALS, CalciumStep
from cardiosim.surrogates.checkpoint import load_surrogate, save_surrogate

MODEL = "skibsbye2016"
VOLUMES = ("ss", 1, 2, 3, 4)
CURRENTS = ("ical.i_CaL", "ib.i_bCa", "icap.i_CaP", "inaca.i_NaCa")


@pytest.fixture(scope="module")
def shipped():
    return load_surrogate("calcium_step")


@pytest.fixture(scope="module")
def hybrid(shipped):
    return compile_cell(MODEL, scheme="multirate", surrogate=shipped)


@pytest.fixture(scope="module")
def full():
    return compile_cell(MODEL, scheme="multirate")


def rows_of(cell, states):
    return dict(zip(cell.state_names, states, strict=True))


def spread(full, n_nodes):
    """Full states around the initial one, their calcium between 0.7 and 1.5 times."""
    random = np.random.default_rng(7)
    states = full.initial_states(n_nodes)
    states[0] += random.uniform(-5.0, 60.0, n_nodes)
    calcium = [n.split(".")[0] in ("calcium", "sr", "serca") for n in full.state_names]
    states[calcium] *= random.uniform(0.7, 1.5, (sum(calcium), n_nodes))
    return states


def content_of(full, states):
    """Calcium of the full cell, amol: free, bound to buffers and to pumps."""
    names = [f"geometry.V_{k}" for k in VOLUMES]
    names += [f"geometry.V_SR{k}" for k in VOLUMES[1:]]
    V = dict(zip(names, full.observe(states, names), strict=True))
    y = rows_of(full, states)
    total = 0.0
    for k in VOLUMES:
        c = y[f"calcium.Ca_{k}"]
        T = c + 0.024 * c / (c + 0.00238)
        if k == "ss":
            T = T + 165.0 * c / (c + 1.1) + 13.0 * c / (c + 0.013)
        if k != 4:
            T = T + 2.0 * y[f"serca.S_{k}"]
        total = total + V[f"geometry.V_{k}"] * T
    for k in VOLUMES[1:]:
        c = y[f"sr.CaSR_{k}"]
        total = total + V[f"geometry.V_SR{k}"] * (c + 6.7 * c / (c + 0.8))
    return total


def test_start_from_the_full_state_keeps_its_calcium(shipped, hybrid, full):
    states = spread(full, 40)
    own = hybrid.start_from(states)
    # Rounding of sums of a dozen terms.
    np.testing.assert_allclose(
        shipped.content(rows_of(hybrid, own)), content_of(full, states), rtol=1e-13
    )


@pytest.mark.parametrize("dt", [0.02, 0.1])
def test_calcium_changes_by_what_crosses_the_membrane(shipped, hybrid, full, dt):
    states = hybrid.start_from(spread(full, 16))
    before = shipped.content(rows_of(hybrid, states))
    i_stim = np.full(16, 20.0)
    C_m, F = hybrid.observe(states, ["membrane.C_m", "physics.F"])[:, 0]
    crossed, size = np.zeros(16), 0.0
    for k in range(300):
        i_CaL, i_bCa, i_CaP, i_NaCa = hybrid.observe(states, CURRENTS)
        charge = 2.0 * i_NaCa - i_CaL - i_bCa - i_CaP
        crossed += dt * C_m / (2.0 * F) * charge
        size += dt * C_m / (2.0 * F) * np.abs(charge).max()
        hybrid.react(states, i_stim if k * dt < 2.0 else np.zeros(16), dt)
    assert not states[hybrid.state_names.index("surrogate.steps_outside")].any()
    change = shipped.content(rows_of(hybrid, states)) - before
    assert np.abs(crossed).max() > 0.1  # amol, of about 670
    # Each step rounds five totals, 1e-16 of them each: 300 steps, 1e-13 of the whole.
    np.testing.assert_allclose(change, crossed, rtol=0.0, atol=1e-12 * before.max())


def test_every_state_stays_bounded(shipped, hybrid, full):
    random = np.random.default_rng(11)
    n = 400
    states = np.repeat(hybrid.start_from(full.initial_states(1)), n, axis=1)
    row = {name: hybrid.state_names.index(name) for name in hybrid.state_names}
    for name in GATES:
        states[row[name]] = random.random(n)
    states[row[PUMP]] = 0.03 * random.random(n)
    for name in TOTALS:
        low, high = shipped.ranges[name]
        # Half of the cells outside of the range, some below 0.
        states[row[name]] = low + (high - low) * random.uniform(-0.5, 1.5, n)
    outside = row["surrogate.steps_outside"]
    for k in range(300):
        pulse = 20.0 if k % 60 < 2 else 0.0
        hybrid.react(states, np.full(n, pulse), 0.1, 10)
        assert np.isfinite(states).all()
        for name in GATES:
            assert states[row[name]].min() >= 0.0 and states[row[name]].max() <= 1.0
        # c, the concentration of pumps
        assert states[row[PUMP]].min() >= 0.0 and states[row[PUMP]].max() <= 0.03
        for name in TOTALS:
            low, high = shipped.ranges[name]
            # A step may leave the range by what it moves; the next one is held to it.
            margin = 0.05 * (high - low)
            inside = states[row[name]]
            assert inside.min() > low - margin and inside.max() < high + margin
    assert states[outside].min() == 0.0 and states[outside].max() > 0.0


def test_a_paced_beat_is_that_of_the_equations(shipped, hybrid, full):
    states = full.initial_states(1)
    own = hybrid.start_from(states.copy())
    errors = []
    for t in range(2500):
        i_stim = np.full(1, 20.0 if t % 1000 < 2 else 0.0)
        errors.append(states[0] - own[0])
        full.react(states, i_stim, 0.1, 10)
        hybrid.react(own, i_stim, 0.1, 10)
    # 0.5 mV is the mark; some hundredths were measured at 1 Hz.
    assert np.sqrt(np.mean(np.square(errors))) < 0.2
    assert own[hybrid.state_names.index("surrogate.steps_outside")] == 0.0


def test_backends_agree(shipped, full):
    states = spread(full, 12)
    found = []
    for backend in ("scalar", "numba", "torch"):
        cell = compile_cell(
            MODEL, scheme="multirate", backend=backend, surrogate=shipped
        )
        own = cell.start_from(states.copy())
        for _ in range(30):
            cell.react(own, np.full(12, 20.0), 0.1)
        found.append(np.asarray(own))
    # 30 steps, an upstroke among them, amplify rounding.
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-9, atol=1e-12)


def test_free_calcium_follows_from_the_total():
    compartments = {"subspace": (1e-4, 2.5e-3)}
    q, errors = free_calcium(MODEL, compartments)
    c = np.geomspace(1.2e-4, 2.4e-3, 7)
    T = c + 165.0 * c / (c + 1.1) + 13.0 * c / (c + 0.013) + 0.024 * c / (c + 0.00238)
    # The buffers' own curvature is mild; 4e-6 was measured.
    np.testing.assert_allclose(free_of_total(q, "subspace", T), c, rtol=1e-5)
    assert errors["subspace"] < 1e-5


def test_remodelled_cells_are_refused(shipped):
    with pytest.raises(ValueError, match=r"made for other equations: dot\("):
        compile_cell("skibsbye2016_af", scheme="multirate", surrogate=shipped)


def test_checkpoint_gives_the_same_numbers(shipped, tmp_path):
    path = save_surrogate(shipped, tmp_path / "own", {})
    assert load_surrogate(path).numbers == shipped.numbers  # float64, to the bit
    assert json.loads(path.read_text())["multiply_adds"] == 0


def test_missing_numbers_are_named(shipped):
    numbers = {n: v for n, v in shipped.numbers.items() if n != "G_SR"}
    with pytest.raises(ValueError, match="lack or do not know G_SR;"):
        CalciumStep("own", MODEL, numbers)
