"""`cardiosim measure repolarisation` on a cable whose two halves differ."""

import json
import re

import pytest

# Mitchell and Schaeffer 2003: APD_max = tau_close ln(1/h_min), so that 150 ms to the
# left and 100 ms to the right of tau_close differ by a third.
CASE = """
[mesh]
kind = "cable"
length = 20.0
dx = 0.2

[tissue]
D = 0.1

[cell]
model = "mitchell_schaeffer2003"

[[cell.region]]
where = "x > 10"
parameters = {{ "{tau}" = 100.0 }}

[[stimulus]]
where = "x <= 1"
start = 0.0
duration = 2.0
amplitude = {amplitude}

[time]
dt = 0.1
end = 420.0

[record]
trace = []
{record}
"""
RECORD = "[record.repolarisation]\npercents = [90]\n"


@pytest.fixture
def run_of(tmp_path, cardiosim):
    def _run_of(record=RECORD):
        folder = tmp_path / "cable"
        folder.mkdir()
        text = CASE.format(tau="inward.tau_close", amplitude=40.0, record=record)
        (folder / "case.toml").write_text(text)
        code, _, err = cardiosim("run", folder, "--out", tmp_path / "out")
        assert code == 0, err
        return tmp_path / "out"

    return _run_of


def test_two_halves_spread_by_the_difference_of_their_durations(
    run_of, cardiosim, tmp_path
):
    code, said, err = cardiosim("measure", "repolarisation", run_of())
    assert code == 0, err
    assert "repolarisation_apd90" in said
    folder = tmp_path / "out_repolarisation"
    numbers = json.loads((folder / "summary.json").read_text())
    # To the next order APD = tau_close ln(tau_out/4 tau_in) + 2.3 (tau_out^2
    # tau_close)^(1/3), 281.7 and 196.1 ms of a cell by itself. In the cable the end
    # where the wave begins is some ms longer and that where it ends shorter.
    assert numbers["apd90_range"]["value"] == pytest.approx(85.6, rel=0.15)
    assert numbers["apd90_share"]["value"] == 1.0
    assert numbers["repolarisation_apd90_gradient_max"]["unit"] == "ms/mm"
    steepest = numbers["apd90_gradient_max"]["value"]
    assert steepest > numbers["apd90_range"]["value"] / 20.0
    places = [float(x) for x in re.findall(r"\((\S+), 0, 0\)", said)]
    assert places == pytest.approx([10.0, 10.0], abs=2.0)  # where the halves meet


def test_faults_are_one_line(run_of, cardiosim):
    results = run_of("")
    code, _, err = cardiosim("measure", "repolarisation", results)
    assert code == 1 and "[record.repolarisation]" in err
