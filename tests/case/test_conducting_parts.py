"""A stimulus that can excite only a part of the tissue is told of."""

import numpy as np
import pytest

from cardiosim.case.build import assemble
from cardiosim.case.read import read_case

CASE = """
[mesh]
kind = "sheet"
size = [4.0, 2.0]
dx = 0.5
[tissue]
D = 0.1
[cell]
model = "nagumo"
[[stimulus]]
where = "x <= 1"
start = 0.0
duration = 1.0
amplitude = 100.0
[time]
dt = 0.1
end = 2.0
"""
SCAR = '[[tissue.region]]\nwhere = "%s"\nscale = 0.0\n'


@pytest.fixture
def warnings(tmp_path):
    def _warnings(more="", *overrides):
        (tmp_path / "case.toml").write_text(CASE + more)
        return assemble(read_case(tmp_path, overrides))[1].warnings

    return _warnings


def test_tissue_that_hangs_together_is_not_spoken_of(warnings):
    assert warnings() == ()
    assert warnings(SCAR % "x > 2 and y < 1") == ()
    assert warnings("", "mesh.holes=x > 2 and y < 1") == ()


@pytest.mark.parametrize("simplices", ["false", "true"])
def test_a_hole_that_cuts_the_sheet(warnings, simplices):
    told = warnings("", "mesh.holes=2 < x < 3", f"mesh.simplices={simplices}")
    assert told == (
        "the tissue that conducts is in 2 parts that no current flows between, of 25, "
        "15 nodes; the stimuli lie in parts with 25 of their 40 nodes",
    )


def test_a_scar_around_the_stimulus(warnings):
    (told,) = warnings(SCAR % "1 < x < 2")
    assert "in 2 parts" in told and "parts with 15 of their 40 nodes" in told


def test_a_stimulus_in_a_scar(warnings):
    (told,) = warnings(SCAR % "x < 2")
    assert told == (
        "stimulus.0 lies wholly in tissue that does not conduct: nothing spreads from "
        "its 15 nodes"
    )


def test_tissue_all_of_which_is_fibrotic(warnings):
    (told,) = warnings('[[tissue.fibrosis]]\nkind = "diffuse"\nfraction = 1.0\n')
    assert told.startswith("no element of the tissue conducts")


def test_a_field_of_zeros(warnings, tmp_path):
    np.save(tmp_path / "zero.npy", np.zeros(32))
    (told,) = warnings('[[tissue.field]]\nfile = "zero.npy"\n')
    assert told.startswith("no element of the tissue conducts")
