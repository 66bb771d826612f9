"""Progress is plain lines where there is no terminal, and silent when it is quick."""

import re
from types import SimpleNamespace

from cardiosim.commands import progress as module
from cardiosim.commands.progress import phases, progress, waiting


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


def test_long_times_are_told_in_the_two_largest_units():
    seconds = (0.2, 59.6, 3599.0, 3600.0, 5000.0, 90000.0, 1e6)
    assert [module._duration(s) for s in seconds] == [
        "0 s",
        "1 min 0 s",
        "59 min 59 s",
        "1 h 0 min",
        "1 h 23 min",
        "1 d 1 h",
        "11 d 13 h",
    ]


def test_a_long_march_is_told_in_whole_ms_and_not_when_it_is_over(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 10.0, 1000.0, 1006.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("march") as show:
        show(0.0, 2e6)
        show(12345.678, 2e6)
        show(1992345.678, 2e6)  # 99.6 %
        show(1999999.9, 2e6)
    assert capsys.readouterr().err.splitlines() == [
        "march: 12346 of 2000000 ms (0%), 26 min 50 s left",
        "march: 1992346 of 2000000 ms (99%), 4 s left",
    ]


def test_what_comes_before_the_first_report_is_no_part_of_the_rate(capsys, monkeypatch):
    """Kernels are compiled in the first step: 20 s, and then 1 s a ms."""
    clock = iter([0.0, 20.0, 25.0, 30.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("march") as show:
        for done in (0.1, 5.1, 10.1):
            show(done, 40.1)
    assert capsys.readouterr().err.splitlines() == [
        "march: 5.1 of 40.1 ms (12%), 35 s left",
        "march: 10.1 of 40.1 ms (25%), 30 s left",
    ]


def test_a_march_that_follows_another_is_told_too(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 4.0, 9.0])  # begin, then one a call
    ours = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr(module, "time", ours)
    with progress("march") as show:
        show(800.0, 900.0)
        show(900.0, 900.0)
        show(0.0, 500.0)
        show(250.0, 500.0)  # 5 s after its begin
    assert capsys.readouterr().err == "march: 250 of 500 ms (50%), 5 s left\n"


def test_a_bar_shows_the_same(monkeypatch):
    clock = iter([0.0, 36000.0])
    ours = SimpleNamespace(monotonic=lambda: next(clock))  # and not that of rich
    monkeypatch.setattr(module, "time", ours)
    bar = module._Bar("march", "ms")
    bar(0.0, 100000.0)
    bar(50000.123, 100000.0)
    monkeypatch.undo()
    (task,) = bar._bar.tasks
    text = [column.render(task).plain for column in bar._bar.columns[2:]]
    bar.close()
    assert text == ["50000 of 100000 ms", "10 h 0 min left"]


def test_waiting_names_what_takes_long(capsys, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    with waiting("compiling"):
        module.time.sleep(0.2)
    assert capsys.readouterr().err == "compiling ...\n"
    monkeypatch.setattr(module, "PATIENCE", 60.0)
    with waiting("compiling"):
        pass
    assert capsys.readouterr().err == ""


def test_phases_are_named_in_turn(capsys, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    with phases() as begin:
        for phase in ("reading", "refining"):
            begin(phase)
            module.time.sleep(0.2)
    assert capsys.readouterr().err == "reading ...\nrefining ...\n"
