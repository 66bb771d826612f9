import pytest

from cardiosim.simulation.schedule import NEVER, Schedule, whole_steps


def test_times_are_whole_steps_up_to_rounding():
    assert whole_steps(60.0, 0.005, "end") == 12000
    assert whole_steps(0.3, 0.1, "end") == 3  # 0.3 / 0.1 = 2.9999999999999996
    assert whole_steps(1e5, 0.005, "end") == 20_000_000


def test_time_between_steps_names_the_nearest():
    with pytest.raises(ValueError, match=r"end 1\.05 ms .* nearest are 1 and 1\.1 ms"):
        whole_steps(1.05, 0.1, "end")
    with pytest.raises(ValueError, match=r"at least 1; the nearest are 0\.1 and 0\.2"):
        whole_steps(0.0, 0.1, "interval", least=1)
    with pytest.raises(ValueError, match=r"nearest are 0 and 0\.1"):
        whole_steps(-1.0, 0.1, "start")


@pytest.mark.parametrize("time, dt", [(1.0, 0.0), (1.0, -0.1), (float("inf"), 0.1)])
def test_steps_need_finite_times(time, dt):
    with pytest.raises(ValueError, match="finite"):
        whole_steps(time, dt, "end")


def due_steps(schedule: Schedule, n_steps: int) -> list[int]:
    return [i for i in range(n_steps + 2) if schedule.due(i) == i]


def test_schedule_starts_at_zero_and_includes_the_end():
    schedule = Schedule.fit(0.4, 0.0, dt=0.1, n_steps=10)
    assert due_steps(schedule, 10) == [0, 4, 8, 10]
    assert schedule.due(11) == NEVER


def test_schedule_may_start_late():
    assert due_steps(Schedule.fit(0.2, 0.5, 0.1, 10), 10) == [5, 7, 9, 10]
    assert due_steps(Schedule.fit(None, 0.8, 0.1, 10), 10) == [8, 9, 10]
    assert due_steps(Schedule.fit(0.1, 1.0, 0.1, 10), 10) == [10]
    assert due_steps(Schedule.fit(0.1, 2.0, 0.1, 10), 10) == []


def test_due_is_the_next_recorded_step():
    schedule = Schedule(first=3, every=4, last=9)
    assert [schedule.due(i) for i in (0, 3, 4, 7, 8, 9)] == [3, 3, 7, 7, 9, 9]
