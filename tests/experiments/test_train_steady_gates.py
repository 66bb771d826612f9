"""From the case of the printed surrogate to its checkpoint, tables and pictures."""

from pathlib import Path

import numpy as np
import pytest

from cardiosim.case.training_file import read_training
from cardiosim.commands.training_pictures import draw_training
from cardiosim.experiments.training import open_record, trainer_of
from cardiosim.surrogates.checkpoint import load_surrogate

CASES = Path(__file__).parents[2] / "cases" / "surrogates"
SHORT = [
    "network.width=12",
    "network.blocks=2",
    "collocation.points=200",
    "descent.iterations=40",
    "assessment.beats=1",
    "assessment.bcl=300.0",
    "assessment.reference_step=0.005",
    "assessment.steps=[0.02,0.1]",
    "assessment.cycle_lengths=[300.0,400.0]",
    "assessment.restitution_beats=2",
    "assessment.cables=false",
    "assessment.cost=false",
    "assessment.premise_steps=[0.02]",
    "assessment.premise_reference_step=0.005",
    'assessment.implicit=["LSODA"]',
    "assessment.implicit_tolerances=[1e-4]",
]


def train(name, changes, folder=None):
    case = read_training(CASES / name, changes)
    record = open_record(case, folder, resume=False)
    trained = trainer_of(case.kind)(case, record, lambda *_: lambda *_: None)
    return trained, record


@pytest.mark.slow  # 25 s; compiles five kernels
def test_network_is_assessed_as_a_cell(tmp_path):
    trained, record = train("paper_gates", SHORT, tmp_path)
    tables = trained.tables
    assert {"gates", "beats", "claims", "restitution", "premise"} == set(tables)
    beats = {n: np.array(c.values) for n, c in tables["beats"].items()}
    mine = (beats["cell"] == "paper_gates") & (beats["stimulus"] == 20.0)
    # Whatever the network learned in 40 steps: there is no upstroke in it.
    assert (beats["dvdt_max"][mine] < 21.0).all()
    draw_training("steady_gates", record.curve, trained, tmp_path)
    pictures = {path.name for path in tmp_path.glob("*.png")}
    named = "gates current last_beat restitution premise training".split()
    assert pictures == {f"{name}.png" for name in named}


def test_a_training_without_assessment_gives_the_network_alone(tmp_path):
    changes = [*SHORT, "assessment.cells=false"]
    trained, record = train("paper_gates_sigmoid", changes)
    assert set(trained.tables) == {"gates"}
    gates = trained.tables["gates"]["ina.h1 network"].values
    assert gates.min() >= 0.0 and gates.max() <= 1.0
    numbers = trained.numbers
    parts = ("loss_data", "loss_physics", "loss_gradient")
    total = sum(numbers[name]["value"] for name in parts)
    assert total == pytest.approx(numbers["loss"]["value"], rel=1e-5)  # float32
    draw_training("steady_gates", record.curve, trained, tmp_path)
    assert (tmp_path / "gates.png").exists() and (tmp_path / "current.png").exists()


def test_the_same_seed_gives_the_same_network():
    changes = [*SHORT, "assessment.cells=false"]
    first, again = (train("paper_gates", changes)[0].surrogate for _ in range(2))
    other, _ = train("paper_gates", [*changes, "seed=2"])
    assert first.key == again.key != other.surrogate.key


@pytest.mark.parametrize("name", ["paper_gates", "paper_gates_sigmoid"])
def test_shipped_network_is_that_of_its_case(name):
    shipped = load_surrogate(name)
    case = read_training(CASES / name)
    assert (shipped.kind, shipped.replaces) == (case.kind, case.gates)
    layers = shipped.networks[0].layers
    assert len(layers) == case.network.blocks + 2
    assert layers[-1].activation == case.network.outputs


@pytest.mark.slow  # 80 s
def test_the_printed_loss_settles_far_above_its_goal():
    trained, _ = train("paper_gates", ["assessment.cells=false"])
    numbers = {name: entry["value"] for name, entry in trained.numbers.items()}
    # 0.0166 and 0.0072 were measured, 0.0120 and 0.0090 with other initial weights;
    # other processors round 7000 steps of float32 differently.
    assert 0.005 < numbers["loss"] < 0.05
    assert 0.004 < numbers["loss_gradient"] < 0.015
    assert numbers["physics_weight"] < 1e-3
    # m is learned; how h1 and h2 share their product is not.
    assert numbers["error_m"] < 0.3
    assert max(numbers["error_h1"], numbers["error_h2"]) > 0.3
