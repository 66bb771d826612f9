"""Refractory periods and premature velocities of cables against another solver.

Reference: tests/reference/cable_erp.json (see the README there). The cable is that of
`cases/cable_refractory_period`: dx 0.1 mm, half-lumped mass, multirate at 20 us; the
single cell is paced 100 times with the pulse of the reference cells, the tissue then by
`beats` more. Within 2 ms of the reference (3 for Koivumaki 2011, whose waves crawl
just above the period: 0.07 m/s, and the reference does not say how long it waited),
and velocities within 4 %.
"""

import json
from pathlib import Path

import pytest

from cardiosim.case.read import read_case
from cardiosim.experiments.erp import ErpQuestion, refractory_period_at

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "tests" / "reference" / "cable_erp.json"
VELOCITIES = 0.04
CELLS = {
    # model: name in the reference, D, S1's pulse of the single cell, intervals, ms
    "tentusscher2006": ("tentusscher-2006", 94.0, (377, 427), 2),
    "courtemanche1998": ("courtemanche-1998", 92.36, (305, 355), 2),
    "koivumaki2011": ("koivumaki-2011", 117.72, (261, 311), 3),
}


def reference_of(name):
    (found,) = (e for e in json.loads(REFERENCE.read_text()) if e["model"] == name)
    return found


def case_of(model, D, amplitude):
    return read_case(
        ROOT / "cases" / "cable_refractory_period",
        (
            f"cell.model={model}",
            f"tissue.D={D}",
            f"cell.prepace.amplitude={amplitude}",
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("model", CELLS)
def test_refractory_period_and_velocities_of_a_cable(model):
    name, amplitude, intervals, within = CELLS[model]
    reference = reference_of(name)
    case = case_of(model, reference["D"], amplitude)
    question = ErpQuestion(beats=10, premature=intervals, shortest=150.0)
    _, _, found = refractory_period_at(case, 1000.0, question)
    assert found.bracket.answers - found.bracket.fails == 1.0
    assert abs(found.bracket.fails - reference["ERP_longest_fail"]) <= within
    assert found.velocity == pytest.approx(reference["CV_S1"], rel=VELOCITIES)
    velocities = dict(
        zip(found.premature.intervals, found.premature.velocities, strict=True)
    )
    for interval in intervals:
        expected = reference["CV_at_CI"][str(interval)]
        assert velocities[interval] == pytest.approx(expected, rel=VELOCITIES)
    # A pulse of 2 ms on the first millimetre is nearly that of the reference.
    expected = reference["threshold_mV_per_ms"]
    assert found.threshold.answers == pytest.approx(expected, rel=0.05)
