"""`cardiosim cells`: a foreign model becomes a file that a case can name."""

import numpy as np
import pytest

from cardiosim.commands import cells
from cardiosim.experiments.cell_comparison import CellRow
from cardiosim.ionic import conformance
from cardiosim.ionic.cell_library import model_path
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.conformance import ConformanceReport
from cardiosim.ionic.read_myokit import read_mmt

FOREIGN = """\
[[model]]
membrane.V = -0.08
na.m = 0.1
na.h = 0.9
[engine]
time = 0 [s] bind time
    in [s]
pace = 0 bind pace
[membrane]
dot(V) = -(na.i_Na + i_leak + engine.pace * -20 [A/F])
    in [V]
i_leak = 100 [S/F] * (V + 0.08 [V])
    in [A/F]
[na]
V = membrane.V
    in [V]
i_Na = 10 [S/F] * m * h * (V - 0.05 [V])
    in [A/F]
dot(m) = (1 / (1 + exp(-(V + 0.04 [V]) / 0.006 [V])) - m) / 0.0001 [s]
dot(h) = 30 [1/V/s] * V / (exp(V / 0.02 [V]) - 1) * (1 - h) - 100 [1/s] * h
"""


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A model in a folder of its own; the program runs in another, and not long."""
    monkeypatch.setattr(cells, "_ALONE", 200.0)
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    file = there / "small cell.mmt"
    file.write_text(FOREIGN)
    return file


def test_import_writes_a_model_that_a_case_can_name_and_says_what_it_is(
    cardiosim, foreign, tmp_path
):
    code, stdout, _ = cardiosim("cells", "import", foreign)
    assert code == 0
    written = tmp_path / "here" / "small_cell.mmt"
    equations = read_mmt(written.read_text(), "small_cell")
    assert equations.initial[0] == pytest.approx(-80.0)
    told = {line.split("  ")[0]: line for line in stdout.splitlines()}
    assert told["membrane potential"].endswith("membrane.V")
    assert told["gates"].endswith("2: na.m, na.h")
    assert told["fast gates"].endswith("2: na.m, na.h")
    assert told["singularities repaired"].endswith("1")
    assert "mV" in told["without stimulus"]
    # Ten seconds are no verdict: that of the conformance checks is after sixty.
    assert "`cardiosim cells check small_cell.mmt` waits for a minute" in stdout
    assert 'cell.model = "small_cell.mmt"' in stdout
    assert "converted from [s] to [ms]" in stdout


def test_import_writes_over_nothing_unless_told_to(cardiosim, foreign, tmp_path):
    out = tmp_path / "here" / "small_cell.mmt"
    out.write_text("mine")
    code, _, stderr = cardiosim("cells", "import", foreign)
    assert code == 1
    assert "small_cell.mmt exists; --out names another file, --force" in stderr
    assert out.read_text() == "mine"
    assert cardiosim("cells", "import", foreign, "--force")[0] == 0
    assert "[[model]]" in out.read_text()
    assert cardiosim("cells", "import", foreign, "--out", "other.mmt")[0] == 0
    assert (tmp_path / "here" / "other.mmt").read_text() == out.read_text()


def test_import_does_not_write_over_what_it_reads(cardiosim, foreign):
    code, _, stderr = cardiosim("cells", "import", foreign, "--out", foreign, "--force")
    assert code == 1
    assert "is what is imported; name another with --out" in stderr
    assert foreign.read_text() == FOREIGN


def test_import_tells_what_may_be_wrong(cardiosim, foreign):
    foreign.write_text(FOREIGN.replace("in [s]", "in [1]").replace("0 [s]", "0"))
    code, stdout, _ = cardiosim("cells", "import", foreign)
    assert code == 0
    assert "warning: the time (engine.time) is dimensionless; taken to be" in stdout
    assert "warning: units do not agree; the first place: " in stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.cellml"], "there is no file missing.cellml"),
        (["{file}", "--out", "cell.txt"], "a model file ends in .mmt"),
        (
            ["{file}", "--potential", "na.V"],
            "has no state na.V; did you mean na.m?",
        ),
        (["{file}", "--out", "no/x.mmt"], "came no/x.mmt; there is no folder no:"),
    ],
)
def test_what_cannot_be_imported_is_one_line(cardiosim, foreign, arguments, complaint):
    arguments = [a.format(file=foreign) for a in arguments]
    code, stdout, stderr = cardiosim("cells", "import", *arguments)
    assert (code, stdout) == (1, "")
    assert complaint in stderr
    assert stderr.count("\n") == 1
    assert list(foreign.parent.iterdir()) == [foreign]


def test_check_tells_verdict_and_numbers(cardiosim, tmp_path):
    """Of a cell that conforms, and of one that runs away."""
    code, stdout, _ = cardiosim("cells", "check", "nagumo")
    assert code == 0
    assert "pass  rests without stimulus" in stdout
    assert "FAIL" not in stdout
    unstable = model_path("nagumo").read_text()
    path = tmp_path / "unstable.mmt"
    path.write_text(unstable.replace("i_stim - i_ion", "i_stim + 1 [mV/ms]"))
    code, stdout, _ = cardiosim("cells", "check", path)
    assert code == 1
    assert "FAIL  rests without stimulus" in stdout


@pytest.fixture
def handed_over(monkeypatch):
    """What a check is asked with, and for how long a cell was left alone."""
    asked = []

    def check_ionic_model(cell, **options):
        asked.append((cell, options))
        return ConformanceReport(cell.name, (), None)

    monkeypatch.setattr(conformance, "check_ionic_model", check_ionic_model)
    return asked


def test_check_of_torch_compiles_and_begins_at_rest(
    cardiosim, handed_over, monkeypatch
):
    """Step by step torch would take minutes for a minute; and it rounds."""
    torch_cell = pytest.importorskip("cardiosim.ionic.torch_cell")
    sizes = []
    monkeypatch.setattr(torch_cell.TorchCell, "compile", lambda _, n: sizes.append(n))
    model = "mitchell_schaeffer2003"
    assert cardiosim("cells", "check", model, "--backend", "torch")[0] == 0
    ((cell, options),) = handed_over
    assert isinstance(cell, torch_cell.TorchCell)
    assert sizes == [conformance.POTENTIALS.size]
    assert options["rounding"] == 1e-11
    at_rest = compile_cell(model).initial_states(1)[:, 0]
    np.testing.assert_allclose(options["resting_states"], at_rest, rtol=1e-3)


def test_check_of_other_backends_asks_for_the_same_bits(cardiosim, handed_over):
    assert cardiosim("cells", "check", "nagumo", "--backend", "scalar")[0] == 0
    ((_, options),) = handed_over
    assert options == {}


@pytest.mark.slow  # compiles the step of torch
def test_a_cell_on_torch_conforms(cardiosim):
    pytest.importorskip("torch")
    code, stdout, _ = cardiosim("cells", "check", "nagumo", "--backend", "torch")
    assert code == 0 and "pass  rests without stimulus" in stdout


@pytest.mark.parametrize(
    ("bcl", "complaint"),
    [
        ("0.5", "bcl 0.5 ms; expected more than the 2 ms of the stimulus"),
        ("nan", "bcl nan ms; expected more than"),
        ("100.001", "beats * bcl 200.002 ms is no whole number of steps"),
    ],
)
def test_beats_that_cannot_be_compared_are_one_line(cardiosim, bcl, complaint):
    options = ["nagumo", "--bcl", bcl, "--beats", 2]
    code, _, stderr = cardiosim("cells", "compare", *options)
    assert code == 1 and complaint in stderr and stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (5e-4, "mM", "0.500"),
        (0.5, "uM", "0.500"),
        (500.0, "nM", "0.500"),
        (0.5, "1", "0.5 (1)"),
        (float("nan"), "mM", "-"),
    ],
)
def test_calcium_is_shown_in_micromolar_whatever_the_cell_counts_in(value, unit, shown):
    key = "calcium_amplitude"
    row = CellRow("a", 1, 0, 0, {key: value}, {key: unit}, {})
    assert cells._rounded(key, row) == shown


def test_show_lists_what_can_be_recorded_and_varied(cardiosim):
    code, stdout, _ = cardiosim("cells", "show", "courtemanche1998")
    assert code == 0
    rows = [line.split() for line in stdout.splitlines() if line]
    (m,) = (row for row in rows if row[0] == "ina.m")
    assert 0.0 < float(m[1]) < 0.01 and m[2:] == ["1", "fast", "gate"]
    assert ["ina.i_Na", "A/F"] in rows
    assert any(row[0] == "ina.g_Na" and float(row[1]) > 0 for row in rows)
