"""Progress is plain lines where there is no terminal, and silent when it is quick."""

import re

from cardiosim.commands import progress as module
from cardiosim.commands.progress import progress, waiting


def test_a_quick_march_says_nothing(capsys):
    with progress("march") as show:
        for done in range(100):
            show(float(done), 100.0)
    assert capsys.readouterr() == ("", "")


def test_a_slow_march_says_how_long_it_takes(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 4.0, 9.0])  # begin, then one a call
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("march") as show:
        for done in (10.0, 30.0, 40.0, 90.0):  # 10 in the first second
            show(done, 100.0)
    assert capsys.readouterr().err.splitlines() == [
        "march: 30 of 100 ms (30%), 7 s left",
        "march: 90 of 100 ms (90%), 1 s left",
    ]


def test_minutes_are_told_as_minutes(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 10.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("march") as show:
        show(0.0, 100.0)
        show(10.0, 100.0)
    assert re.search(r"1 min 30 s left$", capsys.readouterr().err)


def test_waiting_names_what_takes_long(capsys, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    with waiting("compiling"):
        module.time.sleep(0.2)
    assert capsys.readouterr().err == "compiling ...\n"
    monkeypatch.setattr(module, "PATIENCE", 60.0)
    with waiting("compiling"):
        pass
    assert capsys.readouterr().err == ""
