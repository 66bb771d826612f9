"""What the records say of where numbers come from."""

import pytest

from cardiosim.case.resolve import provenance
from cardiosim.ionic.compiled import compile_cell


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
