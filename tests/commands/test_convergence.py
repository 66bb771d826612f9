"""`convergence` runs studies; what is none is said in one line."""

import pytest

STUDY = """
title = "speed of the front"

[reference]
set = {{ "time.dt" = 0.01 }}

[[row]]
name = "20 us"
set = {{ "time.dt" = 0.02 }}
[[row]]
name = "weak"
set = {row}

[[column]]
name = "same"
[[column]]
name = "four D"
set = {{ "tissue.D" = 0.4 }}
"""


@pytest.fixture
def study(front):
    """Write a study whose second row is given; returns its path."""

    def write(row):
        path = front / "study.toml"
        path.write_text(STUDY.format(row=row))
        return path

    return write


def test_values_may_be_tables_and_a_row_without_a_wave_is_an_entry(cardiosim, study):
    pulse = 'where = "x <= 0.5", start = 0.0, duration = 1.0, amplitude = 5.0'
    code, stdout, stderr = cardiosim(
        "convergence", study(f'{{ "stimulus" = [{{ {pulse} }}] }}')
    )
    assert (code, stderr) == (0, "")
    title, header, first, second, limit, _ = stdout.splitlines()
    assert title == "speed of the front (in %)"
    assert header.split() == ["same", "four", "D"]
    same, four = map(float, first.split()[2:])
    assert -0.5 < same < 0.0  # a step of twice the reference's
    assert four == pytest.approx(100.0, abs=2.0)  # the speed goes with its root
    assert second.split() == ["weak", "no", "wave", "no", "wave"]
    assert limit.startswith("limit 0.3")


def test_an_error_names_the_study_the_row_and_the_column(cardiosim, study):
    path = study('{ "mesh.lenght" = 1.0 }')
    code, _, stderr = cardiosim("convergence", path)
    assert code == 1
    assert stderr.startswith(f'cardiosim: {path}: row "weak", column "same": ')
    assert "did you mean 'length'?" in stderr
    assert stderr.count("\n") == 1


def test_a_reference_without_a_wave_is_an_error(cardiosim, study):
    path = study("{}")
    text = path.read_text()
    path.write_text(text.replace("0.01 }", '0.01, "stimulus.0.amplitude" = 5.0 }'))
    code, _, stderr = cardiosim("convergence", path)
    assert code == 1
    assert f"{path}: reference: no node" in stderr
    assert "was activated" in stderr


def test_what_is_no_study_is_said(cardiosim, front):
    code, _, stderr = cardiosim("convergence", front)
    assert (code, stderr.count("\n")) == (1, 1)
    assert f"{front} is a folder; expected a study" in stderr
    code, _, stderr = cardiosim("convergence", front / "case.toml")
    assert code == 1
    assert stderr == (
        f"cardiosim: {front / 'case.toml'} is a case, not a study; a study has "
        "[reference], [[row]], [[column]]\n"
    )
    code, _, stderr = cardiosim("convergence", front / "none.toml")
    assert (code, stderr) == (1, f"cardiosim: there is no study {front}/none.toml\n")
