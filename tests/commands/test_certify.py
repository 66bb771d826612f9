"""`cardiosim certify` as a user meets it."""

import pytest

from cardiosim.experiments.certification_rows import PASS, Part, bounded, failed
from cardiosim.output.report import read_report
from cardiosim.surrogates.checkpoint import save_surrogate
from cardiosim.surrogates.strang_step import StrangStep

PARTS = "cardiosim.experiments.certification.PARTS"


@pytest.fixture
def checkpoint(tmp_path):
    """A surrogate that is multirate itself: nothing is trained."""
    step = StrangStep("strang", "skibsbye2016", substeps=4, dt_range=(0.005, 0.1))
    return save_surrogate(step, tmp_path / "strang", {"case": "none"})


@pytest.fixture
def short(monkeypatch):
    """A battery of one part, of two rows."""

    def part(bench):
        rows = [bounded("error", "mV", 0.1, 0.2), failed("velocity", "no wave")]
        return Part("one", f"About {bench.candidate.name}", ("text",), rows)

    monkeypatch.setattr(PARTS, {"one": part})


def test_report_is_written_and_told(cardiosim, checkpoint, short, tmp_path):
    folder = tmp_path / "report"
    code, out, err = cardiosim("certify", checkpoint, "--out", folder, "--quick")
    assert code == 0, err
    assert "1 pass, 1 fail, 0 do not apply" in out
    assert "fails: velocity" in out and "no wave" in out
    assert "part 1 of 1: one" in err
    report = read_report(folder)
    assert report["title"] == "Certificate of strang"
    overview, part = report["sections"]
    assert overview["tables"][0]["rows"] == [["About strang", 1, 1, 0, "velocity"]]
    rows = part["tables"][0]["rows"]
    assert rows[0][0] == "error" and rows[0][7] == PASS
    about = report["provenance"]["surrogate"]
    assert about["training"] == {"case": "none"} and "networks" not in about
    page = (folder / "report.html").read_text()
    assert "About strang" in page and "no wave" in page


def test_earlier_report_is_kept_unless_forced(cardiosim, checkpoint, short, tmp_path):
    where = ("--out", tmp_path / "report", "--quick")
    assert cardiosim("certify", checkpoint, *where)[0] == 0
    code, _, err = cardiosim("certify", checkpoint, *where)
    assert code == 1 and "--force" in err and len(err.splitlines()) == 1
    assert cardiosim("certify", checkpoint, *where, "--force")[0] == 0


def test_unknown_checkpoint_is_one_line(cardiosim, tmp_path):
    code, _, err = cardiosim("certify", tmp_path / "nothing.json")
    assert code == 1 and "nothing" in err and len(err.splitlines()) == 1


def test_step_of_no_table_is_refused(cardiosim, tmp_path):
    step = StrangStep("strang", "skibsbye2016", dt_range=(0.2, 0.4))
    path = save_surrogate(step, tmp_path / "strang", {})
    code, _, err = cardiosim("certify", path, "--out", tmp_path / "report")
    assert code == 1 and "made for steps of 0.2 to 0.4 ms" in err


@pytest.mark.slow
def test_disguised_multirate_passes_the_quick_battery(cardiosim, checkpoint, tmp_path):
    folder = tmp_path / "report"
    code, out, err = cardiosim("certify", checkpoint, "--out", folder, "--quick")
    assert code == 0, err
    failures = [line for line in out.splitlines() if line.startswith("fails: ")]
    # It was not made for another conductance, and its cost is a matter of the machine.
    about = ("g_Na", "conductance", "tissue: times faster", "drug block")
    assert [f for f in failures if not any(word in f for word in about)] == []
    assert (folder / "velocity.png").is_file()
