"""Every case gives the numbers that its expected.toml holds."""

import sys
from pathlib import Path

import pytest

from cardiosim.commands import main

CASES = sorted((Path(__file__).parents[2] / "cases").glob("*/case.toml"))
# Tens of thousands of nodes, or a second of them: 15 s to 2 min each on two cores.
LONG = {
    *("atrial_slab", "induction_burst", "induction_s1s2", "left_atrium"),
    *("niederer2011", "sheet_spiral", "sheet_velocity_field"),
}


RUNS = [
    pytest.param(case, id=name, marks=[pytest.mark.slow] if name in LONG else [])
    for case in CASES
    for name in [case.parent.name]
]


@pytest.mark.parametrize("case", RUNS)
def test_case_gives_the_expected_numbers(case, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["cardiosim", "verify", str(case.parent)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code, capsys.readouterr().out


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.parent.name)
def test_case_says_what_it_asks_and_why_the_answer_is_right(case):
    assert "What to expect" in (case.parent / "README.md").read_text()
    assert (case.parent / "expected.toml").is_file()


def test_there_are_cases():
    assert {case.parent.name for case in CASES} > LONG
