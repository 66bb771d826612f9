"""Networks have three faces, which agree: kernels, the scalar oracle and tensors."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cardiosim.ionic.compiled import compile_cell  # noqa: E402
from cardiosim.ionic.emit_network import is_written_out  # noqa: E402
from cardiosim.ionic.evaluation import evaluate  # noqa: E402
from cardiosim.ionic.expressions import Name  # noqa: E402
from cardiosim.ionic.network import ACTIVATIONS, Layer, Network  # noqa: E402
from cardiosim.ionic.tensor_network import (  # noqa: E402
    TENSOR_ACTIVATIONS,
    TensorNetwork,
)
from tests.surrogates.toy_surrogates import LARGE, SMALL, Gates, network  # noqa: E402

NETWORKS = {"written out": SMALL, "large": LARGE}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_those_of_torch(name):
    z = np.array([-800.0, -30.0, -1.0, -0.3, 0.0, 1e-9, 0.7, 1.0, 20.0, 800.0])
    with np.errstate(over="ignore"):  # exp(1600) is infinite, tanh(800) is 1
        written = evaluate(ACTIVATIONS[name](Name("z")), {}, {"z": z})
    computed = TENSOR_ACTIVATIONS[name](torch.tensor(z)).numpy()
    # torch takes softplus(z) = z above z = 4 (beta z > 20): 4e-10 off.
    allowed = 1e-9 if name == "softplus5" else 1e-15
    np.testing.assert_allclose(written, computed, rtol=allowed, atol=allowed)


def test_the_networks_are_of_both_kinds():
    assert is_written_out(SMALL) and not is_written_out(LARGE)
    used = {layer.activation for layer in SMALL.layers}
    assert used == {"linear", *ACTIVATIONS}
    assert any(layer.skip and layer.scale is not None for layer in SMALL.layers)


@pytest.fixture(scope="module")
def states_of(toy_cell, stepped):
    """States after 40 steps with a network in the place of the fast gates."""

    def states(kind, backend, **how):
        surrogate = Gates("toy", toy_cell, [NETWORKS[kind]])
        cell = compile_cell(toy_cell, backend=backend, surrogate=surrogate, **how)
        return stepped(cell, 0.02, 40)

    return states


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_all_backends_agree_on_a_network(states_of, kind, backend):
    # float64 throughout: sums in another order, and torch's softplus above.
    expected = states_of(kind, "scalar")
    np.testing.assert_allclose(states_of(kind, backend), expected, rtol=1e-8)


@pytest.mark.parametrize("kind", NETWORKS)
def test_float32_agrees_to_its_rounding(states_of, kind):
    single = states_of(kind, "torch", dtype="float32", torch_compile=False)
    # 40 steps of 6e-8, in numbers whose differences count.
    np.testing.assert_allclose(single, states_of(kind, "scalar"), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_compiled_tensors_agree(states_of, kind):
    compiled = states_of(kind, "torch", torch_compile=True)
    np.testing.assert_allclose(compiled, states_of(kind, "scalar"), rtol=1e-8)


@pytest.mark.parametrize("kind", NETWORKS)
def test_advance_is_the_step_of_the_kernel(toy_cell, spread, kind):
    surrogate = Gates("toy", toy_cell, [NETWORKS[kind]])
    cell = compile_cell(toy_cell, backend="scalar", surrogate=surrogate)
    states, i_stim = spread(cell, 9)
    carried = torch.tensor(cell.observe(states, surrogate.carries))
    x = torch.tensor(cell.observe(states, surrogate.inputs))
    new = surrogate.advance(carried, x, 0.02).numpy()
    cell.react(states, i_stim, 0.02)
    found = cell.observe(states, surrogate.carries)
    np.testing.assert_allclose(new, found, rtol=1e-9)


def test_gradients_flow_through_advance(toy_cell):
    surrogate = Gates("toy", toy_cell, [SMALL])
    trained = [TensorNetwork(SMALL)]
    carried = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[-80.0, -40.0, 10.0], [0.1, 0.5, 0.9]], dtype=torch.float64)
    weights = list(trained[0].parameters())

    def step(carried, *_):
        return surrogate.advance(carried, x, 0.02, trained)

    # Central differences of 1e-6: 1e-5 relative; the cubic has a kink in its curvature.
    assert torch.autograd.gradcheck(step, (carried, *weights), atol=1e-6, rtol=1e-4)


def test_advance_takes_dt_as_a_number_or_one_a_node(toy_cell):
    surrogate = Gates("toy", toy_cell, [SMALL])
    carried, x = torch.full((2, 3), 0.5), torch.full((2, 3), 0.2)
    alone = surrogate.advance(carried, x, 0.05)
    each = surrogate.advance(carried, x, torch.tensor([0.01, 0.05, 0.1]))
    assert alone.dtype == each.dtype == torch.float32
    torch.testing.assert_close(each[:, 1], alone[:, 1])
    assert not torch.equal(each[:, 0], alone[:, 0])


def test_a_trained_network_is_data_again():
    module = TensorNetwork(SMALL)
    assert module.frozen().key == SMALL.key
    with torch.no_grad():
        next(module.parameters()).mul_(1.5)
    assert module.frozen().key != SMALL.key


def test_weights_are_kept_in_float32():
    # What kernels compute with is what a checkpoint keeps.
    layer = Layer(np.array([[0.1]]), np.array([0.3]))
    assert layer.weights.dtype == layer.bias.dtype == np.float32
    one, other = (
        Network((Layer(np.full((1, 1), w), np.zeros(1)),)) for w in (0.1, 0.2)
    )
    assert one.key != other.key


def test_a_network_knows_its_size():
    net = network((3, 4, 2), ("tanh", "linear"))
    assert (net.n_inputs, net.n_outputs, net.multiply_adds) == (3, 2, 20)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Layer(np.ones((2, 3)), np.ones(3)), "of another length than 2"),
        (lambda: Layer(np.ones((2, 2)), np.ones(2), scale=np.ones(2)), "without shift"),
        (lambda: Layer(np.ones((2, 3)), np.ones(2), skip=True), "cannot skip"),
        (lambda: Layer(np.ones((1, 1)), np.ones(1), "relu"), "unknown activation relu"),
        (lambda: Layer(np.full((1, 1), np.nan), np.ones(1)), "weights of a layer are"),
        (lambda: Network(()), "has no layers"),
        (
            lambda: Network((Layer(np.ones((2, 3)), np.ones(2)),) * 2),
            "2 outputs is followed by one of 3 inputs",
        ),
    ],
)
def test_networks_that_are_none(make, says):
    with pytest.raises(ValueError, match=says):
        make()
