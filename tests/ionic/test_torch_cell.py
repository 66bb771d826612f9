"""Cells on torch: against the oracle, gradients, precision, what is moved and when."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from cardiosim.ionic.cell_library import MODELS, available_cells  # noqa: E402
from cardiosim.ionic.compiled import Scale, compile_cell  # noqa: E402
from cardiosim.ionic.reaction import SCHEMES  # noqa: E402

each_cell = pytest.mark.parametrize("name", available_cells())
# Variants have the equations of their base.
TEXTS = sorted(path.stem for path in MODELS.glob("*.mmt"))
each_text = pytest.mark.parametrize("name", TEXTS)
each_scheme = pytest.mark.parametrize("scheme", SCHEMES)
WHOLE_MILLIVOLTS = np.arange(-120.0, 81.0)


def cell_or_skip(name, scheme, **more):
    try:
        return compile_cell(name, scheme=scheme, **more)
    except ValueError as error:
        if "no fast gates" not in str(error):
            raise
        pytest.skip("the cell has no fast gates")


def torch_cell(name, scheme="rush_larsen", **more):
    more = {"torch_compile": False} | more
    return cell_or_skip(name, scheme, backend="torch", **more)


def varied_states(cell, n_nodes=161):
    """V over [-100, 60] with every whole mV, gates anywhere, concentrations near."""
    random = np.random.default_rng(7)
    states = cell.initial_states(n_nodes)
    states[1:] *= random.uniform(0.9, 1.1, states[1:].shape)
    for gate in cell.facts["gates"]:
        row = cell.state_names.index(gate)
        moved = states[row] + random.uniform(-0.3, 0.3, n_nodes)
        states[row] = np.clip(moved, 0.01, 0.99)
    states[0] = np.linspace(-100.0, 60.0, n_nodes)
    return states, np.where(np.arange(n_nodes) % 2, 20.0, 0.0)


@pytest.mark.parametrize(
    ("name", "scheme"),
    [(name, "rush_larsen") for name in available_cells()]
    + [(name, "multirate") for name in TEXTS],
)
def test_agrees_with_the_oracle(name, scheme):
    oracle = cell_or_skip(name, scheme, backend="scalar")
    cell = torch_cell(name, scheme)
    # The buffers of Grandi et al. are stiff, and far from balance here.
    dt = 0.001 if name.startswith("grandi") else 0.02
    for n_steps, rtol in ((1, 1e-11), (100, 1e-9)):
        states, i_stim = varied_states(oracle)
        expected = states.copy()
        oracle.react(expected, i_stim, dt, n_steps)
        cell.react(states, i_stim, dt, n_steps)
        assert np.isfinite(expected).all()
        # A step sums a few hundred roundings; a hundred steps amplify them in the
        # upstroke. Relative to the state, or to 1e-12 where it is less.
        np.testing.assert_allclose(states, expected, rtol=rtol, atol=rtol * 1e-12)


@each_text
def test_every_variable_agrees_with_the_oracle(name):
    oracle = compile_cell(name, backend="scalar")
    cell = torch_cell(name)
    states, i_stim = varied_states(oracle)
    names = cell.variable_names
    expected = oracle.observe(states, names, i_stim)
    found = cell.observe(states, names, i_stim)
    # Rates are differences of large terms.
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


@each_scheme
@each_cell
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_gradients_are_finite_on_whole_millivolts(name, scheme, dtype):
    cell = torch_cell(name, scheme, dtype=dtype)
    states = cell.tensor(cell.initial_states(len(WHOLE_MILLIVOLTS)))
    states[0] = cell.tensor(WHOLE_MILLIVOLTS)
    states.requires_grad_()
    new = cell.step(states, 0.0, 0.02)
    assert new.dtype == cell.dtype
    assert torch.isfinite(new).all()
    random = torch.Generator().manual_seed(1)
    # A random sum of all new states: 0 * inf of any one of them would show.
    for _ in range(2):
        weights = torch.rand(new.shape, generator=random, dtype=new.dtype) - 0.5
        (gradient,) = torch.autograd.grad(new, states, weights, retain_graph=True)
        assert torch.isfinite(gradient).all()
    (gradient,) = torch.autograd.grad(new[0].sum(), states)
    assert (gradient[0] != 0.0).all()


def some_parameter(name):
    """A parameter that the potential feels."""
    known = compile_cell(name).facts["parameters"]
    chosen = [
        p for p in known if p.rsplit(".")[-1].startswith(("g_", "P_", "tau", "k"))
    ]
    return chosen[0]


@each_scheme
@each_text
def test_gradients_are_those_of_differences(name, scheme):
    parameter = some_parameter(name)
    cell = torch_cell(name, scheme, parameters={parameter: Scale(1.0)})
    # Off the whole and half millivolts, where formulas are pieced together.
    V = torch.linspace(-89.77, 39.61, 24, dtype=torch.float64)
    states = cell.tensor(cell.initial_states(24))
    states[0] = V
    value = cell.parameter_rows(24)[0]

    def step(V, value):
        rows = torch.cat([V[None], states[1:]])
        return cell.step(rows, 0.0, 0.02, {parameter: value})

    for i, size in ((0, 1e-4), (1, 1e-4 * value.abs().max().item())):
        ahead, behind = ([V, value], [V, value])
        ahead[i], behind[i] = ahead[i] + size, behind[i] - size
        expected = (step(*ahead) - step(*behind)) / (2.0 * size)
        direction = [torch.zeros_like(V), torch.zeros_like(V)]
        direction[i] = torch.ones_like(V)
        _, found = torch.func.jvp(step, (V, value), tuple(direction))
        truncation = 1e-5 * expected.abs().amax(dim=1)
        rounding = 1e-15 * states.detach().abs().amax(dim=1).clamp(min=1.0) / size
        error = (found - expected).abs().amax(dim=1)
        assert (error < truncation + rounding).all()


DANGEROUS_ARMS = """\
[probe]
use membrane.V
low = 1 / (V + 40 [mV]) * 1 [mV]
dot(x) = if(V > 0 [mV], sqrt(V / 1 [mV]) + log(V / 1 [mV]), -1) * 1 [1/ms]
dot(y) = if(V == -40 [mV], 2, low) * 1 [1/ms]
dot(z) = if(V < -40 [mV], exp(50 * V / 1 [mV]) * exp(50 * V / 1 [mV]), (V / 1 [mV])^2
    ) * 1 [1/ms]
dot(w) = if(V > 0 [mV], if(V > 10 [mV], asin(10 [mV] / V), (V / 1 [mV])^1.5), 3
    ) * 1 [1/ms]
"""


def test_arms_that_are_not_taken_do_no_harm(model_file):
    """Division by zero, logarithms of negative numbers, overflow, in dead arms."""
    start = dict.fromkeys(("probe_x", "probe_y", "probe_z", "probe_w"), 0.0)
    path = model_file(DANGEROUS_ARMS, **start)
    V = np.array([-60.0, -40.0, -20.0, 5.0, 20.0])
    oracle, cell = (compile_cell(path, backend=b) for b in ("scalar", "torch"))
    expected = oracle.initial_states(5)
    expected[0] = V
    states = cell.tensor(expected.copy()).requires_grad_()
    oracle.react(expected, np.zeros(5), 1.0)
    new = cell.step(states, 0.0, 1.0)
    np.testing.assert_allclose(new.detach(), expected, rtol=1e-13)
    (gradient,) = torch.autograd.grad(new.sum(), states)
    assert torch.isfinite(gradient).all()


def test_every_function_of_the_language_is_written_right(text, model_file):
    from tests.ionic.test_compiled import FUNCTIONS

    body = "[probe]\nu = membrane.V / 1 [mV]\n" + "".join(
        f"[p{i}]\nuse probe.u\nw = {expression}\ndot(x) = w * 1 [1/ms]\n"
        for i, expression in enumerate(FUNCTIONS)
    )
    path = model_file(body, **{f"p{i}_x": 0.0 for i in range(len(FUNCTIONS))})
    oracle, cell = (compile_cell(path, backend=b) for b in ("scalar", "torch"))
    V = np.array([-3.25, -1.0, -0.5, 0.0, 0.25, 1.0, 1.5, 2.25, 3.0, 7.125])
    expected = oracle.initial_states(V.size)
    expected[0] = V
    states = expected.copy()
    for c, s in ((oracle, expected), (cell, states)):
        c.react(s, np.zeros(V.size), 1.0)
    np.testing.assert_allclose(states, expected, rtol=2e-13)


def test_tensors_are_stepped_where_they_are():
    cell = torch_cell("nagumo")
    states = cell.tensor(cell.initial_states(5)) + 10.0
    place, before = states.data_ptr(), states.clone()
    cell.react(states, torch.zeros(5, dtype=torch.float64), 0.02, n_steps=3)
    assert states.data_ptr() == place
    assert (states != before).all()
    arrays = before.numpy().copy()
    cell.react(arrays, np.zeros(5), 0.02, n_steps=3)
    np.testing.assert_array_equal(arrays, states)


class Traffic(TorchDispatchMode):
    """Counts what leaves or enters the device, or waits for it."""

    WATCHED = ("_to_copy", "_local_scalar_dense", "item", "lift_fresh")

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if any(word in str(function) for word in self.WATCHED):
            self.seen.append(str(function))
        return function(*args, **(kwargs or {}))


@each_scheme
@each_text
def test_steps_move_nothing_between_host_and_device(name, scheme):
    cell = torch_cell(name, scheme, dtype="float32")
    states = cell.tensor(cell.initial_states(3))
    i_stim = torch.zeros(3)
    cell.react(states, i_stim, 0.02)  # parameters and dt are moved once
    with Traffic() as traffic:
        cell.react(states, i_stim, 0.02, n_steps=2)
    assert traffic.seen == []


def test_numpy_stimulus_is_moved_when_it_changes():
    cell = torch_cell("nagumo", dtype="float32")
    states = cell.tensor(cell.initial_states(3))
    i_stim = np.zeros(3)
    cell.react(states, i_stim, 0.02)
    with Traffic() as traffic:
        cell.react(states, i_stim, 0.02)
        assert traffic.seen == []
        i_stim[:] = 20.0  # the same array with another content
        cell.react(states, i_stim, 0.02)
    assert traffic.seen
    assert states[0].max().item() > cell.initial_states(1)[0, 0] + 0.3


@each_cell
def test_float32_stays_near_float64(name):
    cells = [torch_cell(name, dtype=dtype) for dtype in ("float32", "float64")]
    states, i_stim = varied_states(cells[0])
    both = [states.copy(), states.copy()]
    for cell, s in zip(cells, both, strict=True):
        cell.react(s, i_stim, 0.02)
    scale = np.abs(both[1]).max(axis=1, keepdims=True)
    # Roundings of 6e-8 in V are amplified by the steepest current of the step.
    assert (np.abs(both[0] - both[1]) / scale).max() < 2e-5


def test_parameters_by_node_and_subsets():
    n = 12
    values = {"ina.g_Na": np.linspace(4.0, 12.0, n), "ik1.g_K1": Scale(0.8)}
    make = {"parameters": values}
    cell = torch_cell("courtemanche1998", **make)
    oracle = compile_cell("courtemanche1998", backend="scalar", **make)
    assert cell.n_own_nodes == n
    states, i_stim = varied_states(cell, n)
    expected, some = states.copy(), states[:, [2, 7]].copy()
    oracle.react(expected, i_stim, 0.02, 5)
    cell.react(states, i_stim, 0.02, 5)
    np.testing.assert_allclose(states, expected, rtol=1e-11, atol=1e-12)
    part = cell.at([2, 7])
    part.react(some, i_stim[[2, 7]], 0.02, 5)
    # Vectorised and single exponentials of torch may differ in the last place.
    np.testing.assert_allclose(some, states[:, [2, 7]], rtol=1e-13, atol=1e-14)
    with pytest.raises(ValueError, match="parameters for 2 nodes but is asked for 12"):
        part.react(states, i_stim, 0.02)


def test_parameters_handed_out_are_no_ones_else():
    cell = torch_cell("mitchell_schaeffer2003", parameters={"inward.tau_in": 0.3})
    states = cell.initial_states(3) + [[60.0], [0.0]]
    before, after = states.copy(), states.copy()
    cell.react(before, np.zeros(3), 0.1)
    cell.parameter_rows(3)[:] = 0.1
    cell.react(after, np.zeros(3), 0.1)
    np.testing.assert_array_equal(after, before)


def test_arrays_may_run_backwards():
    cell = torch_cell("nagumo")
    states, i_stim = cell.initial_states(3) + [1.0, 2.0, 3.0], np.array([0.0, 5.0, 9.0])
    expected = states.copy()
    cell.react(expected, i_stim, 0.02)
    backwards = states[:, ::-1].copy()[:, ::-1]
    cell.react(backwards, i_stim[::-1].copy()[::-1], 0.02)
    np.testing.assert_array_equal(backwards, expected)


# Zero to a broken power has no finite slope (the text of nygren1998 says so).
INFINITE_SLOPE = {"nygren1998": "ikach.ACh"}


@each_text
def test_gradients_by_all_parameters_are_finite_at_their_values(name):
    known = compile_cell(name).facts["parameters"]
    cell = torch_cell(name, parameters=dict.fromkeys(known, Scale(1.0)))
    values = {
        p: row.requires_grad_()
        for p, row in zip(cell.free, cell.parameter_rows(7), strict=True)
    }
    states = cell.tensor(cell.initial_states(7))
    states[0] = torch.linspace(-99.77, 59.61, 7, dtype=torch.float64)
    new = cell.step(states, 20.0, 0.02, values)
    weights = torch.rand(new.shape, generator=torch.Generator().manual_seed(1)) - 0.5
    found = torch.autograd.grad(new, list(values.values()), weights.to(new.dtype))
    infinite = [p for p, g in zip(values, found, strict=True) if not g.isfinite().all()]
    assert infinite == [p for p in [INFINITE_SLOPE.get(name)] if p]


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="unknown dtype float16; expected float64 or"):
        compile_cell("nagumo", backend="torch", dtype="float16")
    with pytest.raises(ValueError, match="torch has no device tpu here"):
        compile_cell("nagumo", backend="torch", device="tpu")
    with pytest.raises(ValueError, match='use backend "torch"'):
        compile_cell("nagumo", dtype="float32")
    cell = torch_cell("nagumo", dtype="float32")
    with pytest.raises(ValueError, match="move them there first"):
        cell.react(torch.zeros(1, 4, dtype=torch.float64), np.zeros(4), 0.02)
    double = torch.zeros(1, 4, dtype=torch.float64)
    with pytest.raises(ValueError, match="move them there first"):
        cell.step(double, 0.0, 0.02)
    with pytest.raises(ValueError, match="move them there first"):
        cell.observe(double, cell.variable_names)
    states, elsewhere = torch.zeros(1, 4), torch.zeros(4, device="meta")
    for take in (
        lambda: cell.react(states, elsewhere, 0.02),
        lambda: cell.step(states, elsewhere, 0.02),
        lambda: cell.observe(states, cell.variable_names, elsewhere),
    ):
        with pytest.raises(ValueError, match="i_stim is on meta; .* move it there"):
            take()
    with pytest.raises(ValueError, match="expects"):
        cell.react(np.zeros((3, 4)), np.zeros(4), 0.02)
    with pytest.raises(ValueError, match="not a free parameter of this nagumo"):
        cell.step(torch.zeros(1, 4), 0.0, 0.02, {"membrane.k": 1.0})


def test_fingerprints_tell_torch_and_what_was_asked_apart(monkeypatch):
    plain = torch_cell("nagumo").fingerprint
    assert plain != torch_cell("nagumo", torch_compile=None).fingerprint
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert plain != torch_cell("nagumo").fingerprint


def test_fingerprints_tell_precision_apart():
    cells = [torch_cell("nagumo", dtype=d) for d in ("float64", "float32")]
    assert cells[0].fingerprint != cells[1].fingerprint
    assert cells[0].fingerprint != compile_cell("nagumo").fingerprint
    equal = {c.equations_fingerprint for c in (*cells, compile_cell("nagumo"))}
    assert len(equal) == 1


def test_source_is_readable():
    source = torch_cell("skibsbye2016", "multirate").kernel_source()
    assert source.startswith('"""skibsbye2016, multirate: a pure function of tensors.')
    lines = source.splitlines()
    assert max(line.count(" = ") for line in lines) == 1
    # The number of substeps is the only thing that Python decides.
    decided = [line.strip() for line in lines if " if " in line]
    assert decided == ["h_gate = h if sub < n_substeps - 1 else 0.5 * h"]
    assert "ina_m_inf = " in source


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@each_scheme
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gpu_agrees_with_the_oracle(scheme, compiled, dtype):
    oracle = compile_cell("skibsbye2016", scheme=scheme, backend="scalar")
    more = {"torch_compile": compiled, "device": "cuda", "dtype": dtype}
    cell = torch_cell("skibsbye2016", scheme, **more)
    states, i_stim = varied_states(oracle)
    expected, found = states.copy(), cell.tensor(states)
    oracle.react(expected, i_stim, 0.02)
    cell.react(found, cell.tensor(i_stim), 0.02)
    if dtype == "float64":
        np.testing.assert_allclose(found.cpu(), expected, rtol=1e-11, atol=1e-23)
    else:
        scale = np.abs(expected).max(axis=1, keepdims=True)
        assert (np.abs(found.cpu().numpy() - expected) / scale).max() < 2e-5
