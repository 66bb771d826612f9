"""From the case of a learned step to its checkpoint, in a few seconds."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cardiosim.case.read import CaseError  # noqa: E402
from cardiosim.case.step_training_tables import VisitedTable  # noqa: E402
from cardiosim.case.training_file import read_training  # noqa: E402
from cardiosim.commands.training_pictures import draw_training  # noqa: E402
from cardiosim.experiments.step_fit import blank_network  # noqa: E402
from cardiosim.experiments.training import open_record, trainer_of  # noqa: E402
from cardiosim.experiments.visited_states import (  # noqa: E402
    step_samples,
    visited_columns,
)
from cardiosim.ionic.compiled import compile_cell  # noqa: E402
from cardiosim.surrogates.checkpoint import load_surrogate, save_surrogate  # noqa: E402
from cardiosim.surrogates.fast_step import FastStep  # noqa: E402
from cardiosim.surrogates.step_training import (  # noqa: E402
    StepSamples,
    StepTraining,
    exact_step,
    network_shape,
)

CELL = "skibsbye2016"
CASES = Path(__file__).parents[2] / "cases" / "surrogates"
SHORT = [
    "network.hidden=[4]",
    "visited.steps=[0.1]",
    "visited.cables=3",
    "visited.states=600",
    "visited.dx=[0.25]",
    "visited.D=[0.1,0.2]",
    "visited.length=4.0",
    "visited.cycle_lengths=[400.0]",
    "visited.pacing=400.0",
    "visited.premature=[300.0,340.0]",
    "loss.collocation=100",
    "fit.iterations=6",
]


def train(name, changes, folder=None):
    case = read_training(CASES / name, [*SHORT, *changes])
    record = open_record(case, folder, resume=False)
    return trainer_of(case.kind)(case, record, lambda *_: lambda *_: None), record


def samples(n, seed=0):
    random = np.random.default_rng(seed)
    carried = [random.uniform(-80.0, 20.0, n), *random.uniform(0.01, 0.9, (3, n))]
    inputs = [
        random.normal(0.0, 5.0, n),
        random.uniform(140.0, 1050.0, n),
        random.uniform(65.0, 75.0, n),
    ]
    return StepSamples(
        np.array(carried), np.array(inputs), random.uniform(0.01, 0.1, n)
    )


@pytest.mark.slow  # 20 s: compiles the cell with three sets of parameters
def test_a_fast_step_is_trained_and_tuned(tmp_path):
    changes = [
        "loss.labels=400",
        "tuning.rounds=1",
        "tuning.cables=2",
        "tuning.steps=[0.1]",
        "tuning.length=5.0",
        "tuning.dx=[0.2,0.25]",
    ]
    trained, record = train("fast_step", changes, tmp_path)
    losses = record.curve["loss"]
    assert losses[-1] < 0.5 * losses[0]
    before, after = trained.tables["tuning"]["rms"].values
    assert after < before
    draw_training("fast_step", record.curve, trained, tmp_path)
    assert {p.name for p in tmp_path.glob("*.png")} == {"errors.png", "training.png"}
    again = load_surrogate(save_surrogate(trained.surrogate, tmp_path / "step", {}))
    compile_cell(CELL, scheme="multirate", surrogate=again)


@pytest.mark.slow  # 10 s: compiles the cell with two sets of parameters
def test_a_gates_step_learns_from_its_equations_alone():
    changes = ["loss.labels=0", "loss.residual=1.0"]
    trained, record = train("gates_step_pinn", changes)
    assert record.curve["loss"][-1] < 0.5 * record.curve["loss"][0]
    assert trained.surrogate.replaces == ("ina.m", "ina.h1", "ina.h2")


@pytest.mark.slow  # 12 s, of the cables
def test_more_labels_than_samples_is_told():
    with pytest.raises(ValueError, match="raise visited.states"):
        train("fast_step", ["loss.labels=100000", "tuning.rounds=0"])


def test_unknown_keys_are_refused():
    with pytest.raises(CaseError, match="no key 'residuals'; did you mean residual"):
        read_training(CASES / "fast_step", ["loss.residuals=1.0"])


@pytest.mark.slow  # 15 s: compiles three kernels
def test_samples_hold_what_the_step_reads_in_tissue():
    """A step from a sample is what the kernel makes of the state it came from."""
    table = VisitedTable(
        **{
            "steps": [0.1],
            "cables": 2,
            "states": 300,
            "dx": [0.25],
            "D": [0.1, 0.2],
            "length": 4.0,
            "cycle_lengths": [400.0],
            "pacing": 400.0,
            "premature": [300.0, 340.0],
        }
    )
    columns = visited_columns(CELL, table, 0, lambda *_: None)
    step = FastStep("step", CELL)
    found = step_samples(step, columns, "ina.g_Na", 0)
    assert len(found) > 100
    new = exact_step(step, found)
    cell = compile_cell(
        CELL,
        scheme="multirate",
        surrogate=step,
        parameters={"ina.g_Na": columns.conductance},
    )
    states = columns.states.copy()
    cell.react(states, columns.i_stim, 0.1)
    # Which column a sample came from: the one with its V and gates.
    own = [
        np.flatnonzero((columns.states[:4] == one[:, None]).all(axis=0))[0]
        for one in found.carried.T
    ]
    moved = np.abs(new[0] - found.carried[0]) > 1.0  # in the upstroke for sure
    assert moved.sum() > 50
    expected = states[:4, own][:, moved]
    # The kernel's exponentials are its own.
    np.testing.assert_allclose(new[:, moved], expected, rtol=1e-9)


def blank(hidden=(5,)):
    base = FastStep("blank", CELL)
    own = [blank_network(base.n_features, 4)]
    step = FastStep("blank", CELL, networks=own)
    return step, network_shape(step, samples(200), hidden, "tanh")


@pytest.mark.parametrize("physics", [0.0, 1.0])
def test_normal_equations_are_those_of_the_loss(physics):
    step, shape = blank()
    labelled = samples(50) if physics == 0.0 else samples(0)
    labels = np.zeros((4, 0))
    if len(labelled):
        labels = exact_step(FastStep("base", CELL), labelled)
    training = StepTraining(step, shape, labelled, labels, samples(50, 1), physics)
    problem, p = training.problem(), shape.start(0)
    _, gradient, loss = problem.normal(p)
    assert loss == pytest.approx(problem.loss(p), rel=1e-12)
    random = np.random.default_rng(0)
    for _ in range(3):
        direction = random.normal(size=p.size)
        h = 1e-5
        up, down = problem.loss(p + h * direction), problem.loss(p - h * direction)
        # Central differences of a loss of order 1: h^2 and 1e-16/h.
        assert gradient @ direction == pytest.approx((up - down) / (2 * h), rel=1e-5)


def test_a_network_as_data_is_the_network_that_was_trained():
    step, shape = blank((6, 5))
    p = shape.start(3)
    own = FastStep("own", CELL, networks=[shape.network(p)])
    at = samples(100, 2)
    network = shape.function(torch.as_tensor(p))
    carried, inputs = torch.as_tensor(at.carried), torch.as_tensor(at.inputs)
    expected = step.advance(carried, inputs, at.dt, [network])
    found = own.advance(carried, inputs, at.dt)
    # float32 weights: some 1e-6 of outputs of order 1, times changes of some mV.
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
