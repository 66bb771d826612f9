import pytest

from cardiosim.case.read import read_case
from cardiosim.experiments.tissue_benchmark import tissue_rate

SHEET = """
[mesh]
kind = "sheet"
size = [2.0, 1.0]
dx = 0.1
[tissue]
D = 0.1
[cell]
model = "mitchell_schaeffer2003"
[[stimulus]]
where = "x <= 0.5"
start = 0.0
duration = 1.0
amplitude = 80.0
[time]
dt = 0.05
end = 5.0
[record]
trace = []
"""


@pytest.mark.parametrize(
    ("solver", "iterates"), [("cg", True), ("direct", False), ("explicit", True)]
)
def test_rate_of_a_sheet_adds_up(tmp_path, solver, iterates):
    file = tmp_path / "sheet.toml"
    file.write_text(SHEET)
    mass = 0.0 if solver == "explicit" else 0.5
    case = read_case(file, [f"diffusion={{solver='{solver}', mass={mass}}}"])
    rate = tissue_rate(case, threads=1, warm_up=2.0, steps=20)
    assert rate.n_nodes == 21 * 11
    assert rate.solver == solver
    assert (rate.iterations is not None) == iterates
    assert rate.iterations is None or 0.0 < rate.iterations < 50.0
    assert rate.state_bytes == 2 * 8  # V and h
    whole = rate.react + rate.diffuse + rate.other  # ms a step, of dt ms of the model
    assert whole == pytest.approx(rate.per_ms * 1e3 * rate.dt, rel=1e-9)
    assert rate.node_steps == pytest.approx(1e-3 * rate.n_nodes / whole, rel=1e-9)
