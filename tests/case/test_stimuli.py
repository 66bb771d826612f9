"""Stimuli of a case: where, when and how strong they come to be."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cardiosim.case.beats import amplitudes_of, beats_of
from cardiosim.case.read import CaseError, read_case
from cardiosim.case.schema import Case
from cardiosim.case.stimuli import build_stimuli
from cardiosim.tissue.mesh import cable, point

MESH = cable(2.0, 0.1)
CABLE = {"kind": "cable", "length": 2.0, "dx": 0.1}
PULSE = {"where": "x <= 0.2", "start": 1.0, "duration": 2.0, "amplitude": 40.0}


def content(*stimuli, mesh=CABLE, tissue=None, end=2000.0):
    of_mesh = {"D": 0.15} if mesh is CABLE else None
    return {
        "mesh": mesh,
        "tissue": tissue or of_mesh,
        "cell": {"model": "nagumo"},
        "stimulus": list(stimuli),
        "time": {"dt": 0.1, "end": end},
    }


def without(*keys, **changes):
    return {k: v for k, v in PULSE.items() if k not in keys} | changes


def built(*stimuli, **changes):
    return build_stimuli(Case.model_validate(content(*stimuli, **changes)), MESH)


def test_a_pulse_acts_in_its_region():
    (stimulus,) = built(PULSE)
    np.testing.assert_array_equal(stimulus.nodes, [0, 1, 2])
    assert stimulus.amplitude == 40.0
    assert (stimulus.start, stimulus.last_end) == (1.0, 3.0)


def test_s1s2_in_short():
    changes = {"period": 500.0, "count": 3, "coupling_intervals": [300, "0.28 s"]}
    (stimulus,) = built(PULSE | changes)
    expected = [1.0, 501.0, 1001.0, 1301.0, 1581.0]
    assert stimulus.begins(math.inf) == pytest.approx(expected, rel=1e-15)
    (alone,) = built(PULSE | {"coupling_intervals": [300.0]})
    assert alone.begins(math.inf) == [1.0, 301.0]


def test_pulses_at_arbitrary_times():
    table = without("start", times=[3.0, 100.0, 1900.0])
    (stimulus,) = built(table)
    assert stimulus.begins(math.inf) == [3.0, 100.0, 1900.0]
    case = Case.model_validate(content(table))
    starts, durations = beats_of(case)
    assert starts.tolist() == [3.0, 100.0, 1900.0]
    assert durations.tolist() == [2.0, 2.0, 2.0]


def test_the_current_of_the_niederer_benchmark():
    """50000 uA/cm3 with chi 140 1/mm and C_m 0.01 uF/mm2 lift V by 35.714 mV/ms.

    Niederer et al. 2011, doi:10.1098/rsta.2011.0139; the quotient by hand.
    """
    table = without("amplitude", current_density="50000 uA/cm3")
    tissue = {"sigma_l": 0.17, "chi": "1400 1/cm", "C_m": "1 uF/cm2"}
    case = Case.model_validate(content(table, tissue=tissue))
    expected = pytest.approx(35.7142857142857, rel=1e-12)
    assert build_stimuli(case, MESH)[0].amplitude == expected
    assert amplitudes_of(case) == expected


def test_tissue_by_D_needs_chi_and_C_m_for_a_current_density():
    table = without("amplitude", current_density=50.0)
    with pytest.raises(ValueError, match=r"stimulus\.0: current_density needs chi,"):
        built(table)
    with pytest.raises(ValueError, match="needs C_m, .* add C_m to the stimulus, such"):
        built(table | {"chi": 140.0})
    (stimulus,) = built(table | {"chi": 140.0, "C_m": 0.01})
    assert stimulus.amplitude == pytest.approx(35.7142857142857, rel=1e-12)
    with pytest.raises(ValueError, match=r"chi is 100 1/mm here and 140 in \[tissue\]"):
        built(table | {"chi": 100.0}, tissue={"sigma_l": 0.17})


def test_a_current_density_in_a_single_cell():
    table = without("amplitude", "where", current_density=-1.4, chi=140.0, C_m=0.01)
    case = Case.model_validate(content(table, mesh={"kind": "point"}))
    (stimulus,) = build_stimuli(case, point())
    assert stimulus.amplitude == pytest.approx(-1.0, rel=1e-15)
    del table["C_m"]
    with pytest.raises(ValueError, match=r"there is no \[tissue\] to take it from"):
        Case.model_validate(content(table, mesh={"kind": "point"}))


@pytest.mark.parametrize(
    "table, says",
    [
        (without("amplitude"), "amplitude is missing; expected a number in A/F"),
        (without(current_density=1.0), "either amplitude (A/F) or current_density"),
        (without(chi=140.0), "chi came with amplitude, which is per capacitance"),
        (without("start"), "start is missing; expected a number in ms, or a list"),
        (without(times=[1.0]), "times names every pulse, and start came too"),
        (without("start", times=[]), "times"),
        (without("start", times=[1.0], period=9.0), "and period came too"),
        (
            without("start", times=[9.0, 5.0]),
            "at 5 ms comes before the pulse at 9",
        ),
        (without("start", times=[5.0, 6.0]), "give increasing times of pulses that do"),
        (without(period=9.0, coupling_intervals=[8.0]), "of a train; give its count"),
        (
            without(coupling_intervals=[1.0]),
            "coupling interval 1 ms is shorter than",
        ),
        (without(count=2), "a count needs a period"),
        (without(period=1.0), "period 1 ms is shorter than duration 2 ms"),
    ],
)
def test_stimuli_that_cannot_be_say_so(table, says):
    with pytest.raises(ValueError) as error:
        Case.model_validate(content(table))
    assert says in str(error.value)


@pytest.mark.parametrize(
    "changes, says",
    [
        (
            {"where": "x > 3"},
            'stimulus.1.where: "x > 3" reaches no node; the mesh has 21 nodes in '
            "0 <= x <= 2 mm, y = 0 mm, z = 0 mm",
        ),
        ({"where": "region(4)"}, "stimulus.1.where: region "),
        ({"where": "rgion(4)"}, "did you mean region?"),
        ({"start": 1999.0}, "time.end is 2000 ms, before stimulus.1 ends at 2001 ms"),
        ({"coupling_intervals": [1998.0]}, "before stimulus.1 ends at 2001 ms"),
    ],
)
def test_what_does_not_fit_the_case_says_so_in_one_line(changes, says):
    with pytest.raises(CaseError) as error:
        built(PULSE, PULSE | changes)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_an_endless_train_lasts_as_long_as_the_run():
    (stimulus,) = built(PULSE | {"period": 500.0})
    assert math.isinf(stimulus.last_end)


def test_nodes_of_fibrosis():
    mesh = replace(MESH, fibrotic=np.arange(MESH.n_elements) == 7)
    case = Case.model_validate(content(PULSE | {"where": "fibrosis"}))
    (stimulus,) = build_stimuli(case, mesh)
    np.testing.assert_array_equal(stimulus.nodes, [7, 8])


def test_vertex_lists_lie_beside_the_case(tmp_path, monkeypatch):
    (tmp_path / "site.vtx").write_text("2\nintra\n3\n11\n")
    (tmp_path / "case.toml").write_text(
        """
        [mesh]
        kind = "cable"
        length = 2.0
        dx = 0.1
        [tissue]
        D = 0.15
        [cell]
        model = "nagumo"
        [[stimulus]]
        where = 'vertices("site.vtx") and x < 1'
        start = 0.0
        duration = 1.0
        amplitude = 40.0
        [time]
        dt = 0.1
        end = 5.0
        """
    )
    monkeypatch.chdir("/")
    (stimulus,) = build_stimuli(read_case(tmp_path), MESH)
    np.testing.assert_array_equal(stimulus.nodes, [3])
    with pytest.raises(CaseError, match="holds node 11, which is no part of the mesh"):
        build_stimuli(read_case(tmp_path), cable(1.0, 0.1))


def test_regions_of_a_mesh_by_name():
    mesh = replace(
        MESH,
        regions=np.repeat([1, 2], 10),
        region_names={"left": 1, "right": 2},
    )
    case = Case.model_validate(content(PULSE | {"where": "region(right) and surface"}))
    np.testing.assert_array_equal(build_stimuli(case, mesh)[0].nodes, [20])
