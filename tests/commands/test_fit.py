"""`cardiosim fit`: tables, files, a variant that is a cell; mistakes."""

import csv
import json

import pytest

from cardiosim import open_results

CASE = """
[mesh]
kind = "point"
[cell]
model = "aliev_panfilov1996"
parameters = { "membrane.t_scale" = { scale = 1.1 }, "membrane.k" = "7.5" }
[[stimulus]]
start = 0.0
duration = 2.0
amplitude = 30.0
[time]
dt = 0.02
end = 600.0
"""
FIT = """
title = "a shorter one"
gradients = "differences"
[parameters]
"membrane.a" = { high = 3.0 }
[target.biomarkers]
apd90 = { value = 180.0, sigma = 1.0 }
"""


@pytest.fixture
def fit_of(tmp_path):
    """Files of a case and a fit; returns their paths."""

    def write(fit=FIT, case=CASE):
        (tmp_path / "case.toml").write_text(case)
        (tmp_path / "fit.toml").write_text(fit)
        return tmp_path / "case.toml", tmp_path / "fit.toml"

    return write


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_fit_writes_a_variant_that_has_the_fitted_beat(cardiosim, fit_of, tmp_path):
    out = tmp_path / "out"
    code, stdout, stderr = cardiosim("fit", *fit_of(), "--out", out)
    assert code == 0, stderr
    line = next(li for li in stdout.splitlines() if li.startswith("membrane.a"))
    found = rows(out / "fit.csv")[0]
    assert f"{float(found['factor']):.5f}" in line
    assert float(found["published"]) == 0.15
    summary = json.loads((out / "summary.json").read_text())
    apd90 = summary["apd90"]["value"]
    assert apd90 == pytest.approx(180.0, abs=0.1)
    assert summary["converged"]["value"] is True
    assert {"fit.png", "history.csv", "resolved.toml", "recordings.h5"} <= {
        path.name for path in out.iterdir()
    }
    assert open_results(out).traces["fit"].values["membrane.V"].shape[1] == 2

    # The variant carries the case's own parameters: the case names it, and no more.
    variant = out / "aliev_panfilov1996_fitted.toml"
    assert "not a published cell" in variant.read_text()
    lines = [li for li in CASE.splitlines() if not li.startswith("parameters")]
    case = "\n".join(lines).replace('"aliev_panfilov1996"', f'"{variant}"')
    (tmp_path / "again.toml").write_text(case)
    code, _, stderr = cardiosim("run", tmp_path / "again.toml", "--out", tmp_path / "b")
    assert code == 0, stderr
    again = json.loads((tmp_path / "b" / "summary.json").read_text())
    # `run` measures V at every step, the fit at every 0.2 ms of the repolarisation.
    assert again["apd90"]["value"] == pytest.approx(apd90, abs=0.01)


def test_fit_to_a_trace_tells_how_far_it_is(cardiosim, fit_of, tmp_path):
    case, fit = fit_of()
    cardiosim("run", case, "--out", tmp_path / "run", "--set", "time.dt=0.02")
    trace = next(iter(open_results(tmp_path / "run").traces.values()))
    V = trace.values["membrane.V"][:, 0]
    samples = [f"{t},{v}" for t, v in zip(trace.times[::100], V[::100], strict=True)]
    (tmp_path / "ap.csv").write_text("\n".join(["time (ms),V (mV)", *samples]))
    fit.write_text(
        'gradients = "differences"\n[parameters]\n"membrane.a" = { start = 1.3 }\n'
        '[target.trace]\nfile = "ap.csv"\n'
    )
    code, stdout, stderr = cardiosim("fit", case, fit, "--out", tmp_path / "out")
    assert code == 0, stderr
    assert "trace, root mean square (mV)" in stdout
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["factor_membrane.a"]["value"] == pytest.approx(1.0, rel=1e-6)
    assert summary["trace_rmse"]["value"] < 1e-4


def test_results_are_not_overwritten(cardiosim, fit_of, tmp_path):
    out = tmp_path / "out"
    assert cardiosim("fit", *fit_of(), "--out", out)[0] == 0
    code, _, stderr = cardiosim("fit", *fit_of(), "--out", out)
    assert code == 1 and "--force" in stderr
    assert cardiosim("fit", *fit_of(), "--out", out, "--force")[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"membrane.a"', '"membrane.b"', "has no parameter membrane.b"),
        ("apd90", "apd", "which is no biomarker; did you mean apd"),
        ("high = 3.0", "hihg = 3.0", "did you mean high?"),
    ],
)
def test_mistakes_are_one_line_on_stderr(cardiosim, fit_of, tmp_path, old, new, says):
    files = fit_of(FIT.replace(old, new))
    code, stdout, stderr = cardiosim("fit", *files, "--out", tmp_path / "out")
    assert (code, stdout) == (1, "")
    assert says in stderr and len(stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_torch_that_is_missing_is_told(cardiosim, fit_of, tmp_path, monkeypatch):
    from cardiosim.ionic import compiled

    def no_torch():
        raise ValueError("backend torch needs PyTorch, which is not installed")

    monkeypatch.setattr(compiled, "_torch_cell_class", no_torch)
    files = fit_of(FIT.replace('"differences"', '"torch"'))
    code, _, stderr = cardiosim("fit", *files, "--out", tmp_path / "out")
    assert code == 1 and "PyTorch, which is not installed" in stderr


def test_a_cable_cannot_be_fitted(cardiosim, front, fit_of, tmp_path):
    code, _, stderr = cardiosim("fit", front, fit_of()[1], "--out", tmp_path / "out")
    assert code == 1 and "a fit is of a single cell" in stderr
