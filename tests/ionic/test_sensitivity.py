"""Sensitivities of states to parameters, marched with the states."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cardiosim.ionic.compiled import Scale, compile_cell  # noqa: E402
from cardiosim.ionic.sensitivity import LinearisedCell  # noqa: E402


def torch_cell(name, names, torch_compile=False, **more):
    parameters = dict.fromkeys(names, Scale(1.0))
    return compile_cell(
        name,
        backend="torch",
        parameters=parameters,
        torch_compile=torch_compile,
        **more,
    )


def start(cell, n_cells, n_parameters):
    states = cell.tensor(cell.initial_states(n_cells))
    return states, states.new_zeros((*states.shape, n_parameters))


def differences(cell, names, run, size=1e-4):
    """d run / d parameter by central differences, every shift a node of one run."""
    known = [cell.facts["parameters"][n] for n in names]
    shifts = np.concatenate([np.eye(len(names)), -np.eye(len(names))])
    values = np.array(known) * (1.0 + size * shifts)
    ends = run(dict(zip(names, cell.tensor(values.T), strict=True)), len(values))
    ahead, behind = ends.numpy().reshape(len(ends), 2, len(names)).transpose(1, 0, 2)
    return (ahead - behind) / (2.0 * size * np.array(known))


@pytest.mark.parametrize(
    ("name", "scheme", "names"),
    [
        ("mitchell_schaeffer2003", "rush_larsen", ("inward.tau_in", "outward.tau_out")),
        ("small", "multirate", ("ina.g", "ina.shift", "ik.g")),
    ],
)
def test_sensitivities_are_those_of_differences(name, scheme, names, small_cell_file):
    """Through a stimulus and the upstroke, where they grow by orders of magnitude."""
    name = small_cell_file if name == "small" else name
    cell = torch_cell(name, names, scheme=scheme)
    linearised = LinearisedCell(cell, names)
    states, tangents = start(cell, 1, len(names))
    pulses = ((40.0, 40), (0.0, 20))
    for i_stim, n_steps in pulses:
        states, tangents = linearised.run(states, tangents, i_stim, 0.05, n_steps)

    def run(parameters, n_nodes):
        s = cell.tensor(cell.initial_states(n_nodes))
        for i_stim, n_steps in pulses:
            for _ in range(n_steps):
                s = cell.step(s, i_stim, 0.05, parameters)
        return s

    # The states are those of the cell, to the rounding of another order of sums.
    torch.testing.assert_close(states, run({}, 1), rtol=1e-11, atol=1e-12)
    assert states[0].item() > 0.0  # an upstroke indeed
    expected = differences(cell, names, run)
    scale = np.abs(expected).max(axis=0)
    assert (scale > 0.0).all()
    # Differences of relative size 1e-4: the third derivative times 1e-9.
    assert (np.abs(tangents[:, 0].numpy() - expected) / scale).max() < 1e-5


def test_cells_side_by_side_are_those_alone():
    known = compile_cell("nagumo").facts["parameters"]
    names = tuple(known)[:2]
    cell = torch_cell("nagumo", names)
    linearised = LinearisedCell(cell, names)
    first = known[names[0]]
    values = torch.tensor([0.9, 1.0, 1.1], dtype=torch.float64) * first
    states, tangents = start(cell, 3, 2)
    states[0] += torch.tensor([10.0, 20.0, 30.0])
    i_stim = torch.tensor([0.0, 5.0, 10.0])
    more = {names[0]: values}
    together = linearised.run(states, tangents, i_stim, 0.05, 30, more)
    for k in range(3):
        alone = linearised.run(
            states[:, [k]],
            tangents[:, [k]],
            i_stim[[k]],
            0.05,
            30,
            {names[0]: values[[k]]},
        )
        for found, expected in zip(together, alone, strict=True):
            torch.testing.assert_close(found[:, [k]], expected, rtol=1e-13, atol=0.0)


def test_initial_tangents_are_carried_on():
    """Two runs of 10 steps are one of 20."""
    names = tuple(compile_cell("nagumo").facts["parameters"])[:1]
    linearised = LinearisedCell(torch_cell("nagumo", names), names)
    states, tangents = start(linearised.cell, 2, 1)
    at_once = linearised.run(states + 20.0, tangents, 0.0, 0.05, 20)
    state = (states + 20.0, tangents)
    for _ in range(2):
        state = linearised.run(*state, 0.0, 0.05, 10)
    for a, b in zip(at_once, state, strict=True):
        assert torch.equal(a, b)


def test_tangents_are_taken_into_the_cells_precision_and_given_back_apart():
    names = tuple(compile_cell("nagumo").facts["parameters"])[:1]
    cell = torch_cell("nagumo", names, dtype="float32")
    linearised = LinearisedCell(cell, names)
    states, tangents = start(cell, 2, 1)
    for given in (tangents.double(), tangents):
        y, s = linearised.run(states, given, 0.0, 0.05, 1)
        assert y.dtype == s.dtype == torch.float32
    _, s = linearised.run(states, tangents, 0.0, 0.05, 0)
    s += 1.0
    assert (tangents == 0.0).all()


def test_compiled_derivatives_are_of_the_program_that_made_them(monkeypatch):
    from cardiosim.ionic import sensitivity

    seen = []

    def keep(make, inputs, lanes, name):
        seen.append(name)
        return make()

    monkeypatch.setattr(sensitivity, "compile_function", keep)
    names = tuple(compile_cell("nagumo").facts["parameters"])[:1]
    cell = torch_cell("nagumo", names, torch_compile=True)
    LinearisedCell(cell, names).compile()
    monkeypatch.setattr(sensitivity, "generator_fingerprint", lambda: "another")
    LinearisedCell(cell, names).compile()
    assert len(set(seen)) == 2


def test_errors_say_what_to_do():
    cell = torch_cell("nagumo", ())
    with pytest.raises(ValueError, match="name at least one"):
        LinearisedCell(cell, ())
    with pytest.raises(ValueError, match=r"name it in compile_cell\(parameters=\)"):
        LinearisedCell(cell, ("membrane.nothing",))
    names = tuple(compile_cell("nagumo").facts["parameters"])[:1]
    linearised = LinearisedCell(torch_cell("nagumo", names), names)
    states, tangents = start(linearised.cell, 2, 3)
    with pytest.raises(ValueError, match="expected"):
        linearised.run(states, tangents, 0.0, 0.05, 1)


@pytest.mark.slow
def test_compiled_sensitivities_are_those_of_the_graph():
    names = ("ina.g_Na", "ik1.g_K1")
    results = []
    for torch_compile in (False, True):
        cell = torch_cell("courtemanche1998", names, torch_compile)
        linearised = LinearisedCell(cell, names)
        state = start(cell, 1, 2)
        for i_stim, n_steps in ((20.0, 100), (0.0, 50)):
            state = linearised.run(*state, i_stim, 0.02, n_steps)
        results.append(state)
    for found, expected in zip(*results, strict=True):
        scale = expected.abs().amax()
        assert ((found - expected).abs() / scale).max() < 1e-10
