"""Waves are traced back to their pulses: on waves whose activation times are known."""

import numpy as np
import pytest

from cardiosim.measure.induction import (
    NO_RESPONSE,
    REENTRY_DIES,
    SUSTAINED,
    WAVE_DIES,
    induction,
)
from cardiosim.measure.reentry import NO_PULSE, waves

N = 21  # nodes along a side, 1 mm apart
NUMBER = np.arange(N * N).reshape(N, N)  # of the node at x, y
PAIRS = np.concatenate(
    [
        np.column_stack([NUMBER[:-1].ravel(), NUMBER[1:].ravel()]),
        np.column_stack([NUMBER[:, :-1].ravel(), NUMBER[:, 1:].ravel()]),
    ]
)
X, Y = (axis.ravel() for axis in np.meshgrid(np.arange(N), np.arange(N), indexing="ij"))
LEFT, SPEED = NUMBER[0], 0.5  # m/s


def plane_wave(start: float) -> np.ndarray:
    """From the left edge, ms, (n_nodes,)."""
    return start + 1.0 + X / SPEED


def spiral(start: float, turns: int, cycle: float = 100.0) -> np.ndarray:
    """About the middle, ms, (turns, n_nodes); its core is silent."""
    angle = np.mod(np.arctan2(Y - 10.0, X - 10.0) + np.pi, 2.0 * np.pi)
    first = start + 1.0 + cycle * angle / (2.0 * np.pi)
    lat = first + cycle * np.arange(turns)[:, np.newaxis]
    return np.where(np.hypot(X - 10.0, Y - 10.0) < 3.0, np.nan, lat)


def test_waves_of_a_fast_train_do_not_re_enter():
    # The second comes while the first is still on its way: 41 ms from side to side.
    begins = [0.0, 25.0, 50.0]
    lat = np.array([plane_wave(begin) for begin in begins])
    found = waves(lat, PAIRS, begins, [2.0] * 3, [LEFT] * 3)
    assert (found.origin == np.arange(3)[:, np.newaxis]).all()
    assert not found.turn.any()
    assert found.is_direct[:, LEFT].all() and found.is_direct.sum() == 3 * N


def test_a_rotating_wave_comes_from_its_pulse_again_and_again():
    lat = spiral(0.0, 4)
    low = NUMBER[:8, 10]  # where the angle is smallest: left of the middle
    found = waves(lat, PAIRS, [0.0], [2.0], [low])
    active = np.isfinite(lat[0])
    assert (found.origin[:, active] == 0).all()
    # Nodes that the pulse excited itself have been run over once less.
    turns = found.turn - (np.arange(4)[:, np.newaxis] - found.is_direct[0])
    assert (turns[1:, active] == 0).all()


def test_what_begins_far_from_any_pulse_has_none():
    lat = np.array([plane_wave(0.0), plane_wave(0.0) + 500.0])
    found = waves(lat, PAIRS, [0.0], [2.0], [LEFT])
    assert (found.origin[0] == 0).all()
    assert (found.origin[1] == NO_PULSE).all()
    assert not found.turn.any()


def test_a_wave_without_a_pulse_may_re_enter_too():
    lat = np.concatenate([plane_wave(0.0)[np.newaxis], spiral(500.0, 4)])
    lat = np.sort(lat, axis=0)
    found = waves(lat, PAIRS, [0.0], [2.0], [LEFT])
    active = np.isfinite(lat[1])
    assert (found.origin[1:, active] == NO_PULSE).all()
    assert (found.turn[1:, active] == np.arange(4)[:, np.newaxis]).all()
    # A focus that fires again and again is none.
    focus = np.array([plane_wave(t) for t in (0.0, 400.0, 800.0)])
    assert not waves(focus, PAIRS, [0.0], [2.0], [LEFT]).turn.any()


def test_a_slow_step_between_neighbours_is_still_one_wave():
    lat = plane_wave(0.0)
    lat[X > 10] += 40.0  # waits there
    found = waves(lat[np.newaxis], PAIRS, [0.0], [2.0], [LEFT])
    assert (found.origin == 0).all()


def judged(lat, begins=(0.0,), sites=(LEFT,), end=1000.0):
    return induction(lat, PAIRS, begins, [2.0] * len(begins), sites, end)


def test_a_wave_that_crosses_once_dies():
    found = judged(plane_wave(0.0)[np.newaxis])
    assert found.outcome == WAVE_DIES
    assert found.last_activation == pytest.approx(1.0 + (N - 1) / SPEED)
    assert found.beats == 0.0 and found.share == 0.0


def test_a_pulse_that_excites_its_own_nodes_only_has_no_response():
    lat = np.where(X == 0, 1.0, np.nan)[np.newaxis]
    assert judged(lat).outcome == NO_RESPONSE
    assert judged(np.empty((0, N * N))).outcome == NO_RESPONSE


def test_the_last_pulse_counts():
    # The wave of the first pulse passes after the second pulse, which is blocked.
    found = judged(plane_wave(0.0)[np.newaxis], (0.0, 20.0), (LEFT, LEFT))
    assert found.outcome == NO_RESPONSE


def test_a_rotating_wave_is_sustained_if_it_turns_at_the_end():
    low = NUMBER[:8, 10]
    lat = spiral(0.0, 10)
    found = judged(lat, sites=(low,))
    assert found.outcome == SUSTAINED
    assert found.cycle_length == pytest.approx(100.0)
    assert found.beats == 9.0
    assert found.share == pytest.approx(np.isfinite(lat[0]).mean(), abs=1.0 / N**2)
    gone = judged(spiral(0.0, 4), sites=(low,))
    assert gone.outcome == REENTRY_DIES
    assert gone.last_activation == pytest.approx(401.0, abs=2.0)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="expected"):
        waves(np.zeros(5), PAIRS, [0.0], [2.0], [LEFT])
    with pytest.raises(ValueError, match="one of each a pulse"):
        waves(np.zeros((1, N * N)), PAIRS, [0.0, 1.0], [2.0], [LEFT])
