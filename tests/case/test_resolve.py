"""What the records say of where numbers come from."""

from types import SimpleNamespace

import pytest

from cardiosim.case.read import read_case
from cardiosim.case.resolve import bytes_of_snapshots, provenance, resolve
from cardiosim.ionic.compiled import compile_cell

CABLE = """
[mesh]
kind = "cable"
length = 2.0
dx = 0.1
[tissue]
D = 0.1
[cell]
model = "nagumo"
[time]
dt = 0.1
end = 1000.0
"""


def test_numba_cells_are_of_the_cpu_and_do_not_ask_for_torch():
    found = provenance(compile_cell("nagumo"))
    device = found["device"]
    assert (device["kind"], device["backend"], device["dtype"]) == (
        "cpu",
        "numba",
        "float64",
    )
    assert "torch" not in found["versions"]


def test_torch_cells_tell_precision_compilation_and_version():
    torch = pytest.importorskip("torch")
    cell = compile_cell("nagumo", backend="torch", dtype="float32", torch_compile=False)
    found = provenance(cell)
    assert torch.__version__.startswith(found["versions"]["torch"].partition("+")[0])
    device = found["device"]
    assert (device["backend"], device["dtype"]) == ("torch", "float32")
    assert device["steps"] == "not compiled"
    # A device that is not here, as the records would tell it.
    cell.device = torch.device("meta")
    assert provenance(cell)["device"]["kind"] == "meta"


@pytest.mark.parametrize(
    ("n_nodes", "count"), [(100, 100), (1_000_000, 49), (30_000_000, 10)]
)
def test_default_snapshots_of_a_large_mesh_are_fewer(tmp_path, n_nodes, count):
    """100 of a small one; 400 MB of float64 of a large one; ten at least."""
    (tmp_path / "case.toml").write_text(CABLE)
    mesh = SimpleNamespace(n_nodes=n_nodes)
    case = resolve(read_case(tmp_path), "membrane.V", mesh=mesh)
    interval = case.record.snapshot.interval
    assert case.time.end / interval <= count + 1e-6
    assert case.time.end / (interval - case.time.dt) > count * (count > 10)
    size = bytes_of_snapshots(case, n_nodes)
    assert size <= 400e6 or count == 10
    assert size == pytest.approx(
        8.0 * n_nodes * (1 + case.time.end / interval), rel=0.1
    )
