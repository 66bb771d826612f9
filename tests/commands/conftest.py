"""The command line as a user meets it, on a cable whose front speed is known."""

import sys

import pytest

from cardiosim.commands import main

# V_rest 0 mV, excited 100 mV; the front moves at sqrt(D k/2) (1 - 2 a).
NAGUMO_CABLE = """
title = "a front of known speed"

[mesh]
kind = "cable"
length = "5 mm"
dx = 0.05

[tissue]
D = 0.1

[cell]
model = "nagumo"

[[stimulus]]
where = "x <= 0.5"
start = 0.0
duration = 1.0
amplitude = 100.0

[time]
dt = 0.02
end = 16.0

[record]
activation_threshold = 50.0
"""


@pytest.fixture
def cardiosim(monkeypatch, capsys):
    """Run a command; returns exit code, stdout and stderr."""

    def _cardiosim(*arguments):
        monkeypatch.setattr(sys, "argv", ["cardiosim", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return stop.value.code or 0, captured.out, captured.err

    return _cardiosim


@pytest.fixture
def front(tmp_path):
    """Folder with the case of a Nagumo front."""
    folder = tmp_path / "front"
    folder.mkdir()
    (folder / "case.toml").write_text(NAGUMO_CABLE)
    return folder


@pytest.fixture
def cell(tmp_path):
    """Folder with the case of one cell that is switched on, and does not repolarise."""
    folder = tmp_path / "cell"
    folder.mkdir()
    (folder / "case.toml").write_text(
        """
        [mesh]
        kind = "point"
        [cell]
        model = "nagumo"
        [[stimulus]]
        start = 1.0
        duration = 1.0
        amplitude = 100.0
        [time]
        dt = 0.02
        end = 5.0
        """
    )
    return folder
