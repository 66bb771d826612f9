"""Training of learned gates: it learns, again and again the same, with either half."""

import numpy as np
import pytest

from cardiosim.case.training_tables import VoltageGatesTraining
from cardiosim.experiments.train_voltage_gates import train
from cardiosim.surrogates.checkpoint import load_surrogate, save_surrogate
from cardiosim.surrogates.training_record import TrainingRecord
from tests.surrogates.toy_surrogates import CELL

GATES = ("ina.h", "ik.n")


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    path = tmp_path_factory.mktemp("cell") / "toy.mmt"
    path.write_text(CELL)
    return str(path)


def case_of(cell, **loss):
    return VoltageGatesTraining(
        kind="voltage_gates",
        name="toy_gates",
        model=cell,
        gates=GATES,
        longest_step=0.02,
        network={"hidden": [4]},
        potentials={"lowest": -100.0, "highest": 60.0, "points": 60},
        pacing={
            "cycle_lengths": [100.0, 60.0],
            "duration": 200.0,
            "amplitude": 30.0,
            "scheme": "rush_larsen",
            "dt": 0.02,
            "points": 100,
        },
        loss=loss,
        fit={"starts": 2, "trial_iterations": 5, "iterations": 25},
    )


def trained(case, record=None):
    record = record or TrainingRecord(None, "")
    return train(case, record, lambda phase, unit: lambda done, end: None)


def numbers(found):
    return {name: number["value"] for name, number in found.numbers.items()}


@pytest.mark.parametrize("loss", [{"physics": 0.0, "labels": 1.0}, {"labels": 0.0}, {}])
def test_labels_physics_and_both_learn_the_gates(cell, loss):
    found = numbers(trained(case_of(cell, **loss)))
    # Four units; untrained outputs are wrong by a quarter and more.
    assert found["ina_h_steady_error"] < 0.1
    assert found["ik_n_steady_error"] < 0.1
    assert found["ik_n_tau_error"] < 1e-6  # a constant: bounds leave nothing to learn


def test_the_same_case_gives_the_same_weights(cell, tmp_path):
    first, second = (trained(case_of(cell)).surrogate for _ in range(2))
    assert first.key == second.key
    path = save_surrogate(first, tmp_path / "toy_gates.json", {})
    assert load_surrogate(path).key == first.key


def test_what_is_said_of_the_functions_is_in_the_table(cell):
    found = trained(case_of(cell))
    table = {name: c.values for name, c in found.tables["gate_functions"].items()}
    error = np.abs(table["ina.h_inf_network"] - table["ina.h_inf_exact"]).max()
    assert error == numbers(found)["ina_h_steady_error"]
    assert len(found.tables["beats"]["rmse"].values) == 2


def test_a_gate_of_calcium_is_refused():
    case = VoltageGatesTraining(
        kind="voltage_gates", name="other", gates=("ical.d", "ical.fCa")
    )
    with pytest.raises(ValueError, match="depends on calcium.Ca_ss"):
        trained(case)
