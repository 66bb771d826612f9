import math

import numpy as np
import pytest

from cardiosim.experiments.bracket import TRIALS, climb, narrow


def test_border_is_found_to_the_width_asked_for():
    asked = []

    def answers(which, values):
        asked.append(len(values))
        return values >= math.pi

    (found,) = narrow(answers, [0.0], [10.0], lambda b: 1e-6)
    assert found.fails < math.pi <= found.answers
    assert found.answers - found.fails <= 1e-6
    assert found.is_monotonic and found.is_closed
    # 10/17^k <= 1e-6 at k = 6; the ends are tested once.
    assert asked == [TRIALS + 2] + [TRIALS] * 5


def test_brackets_are_narrowed_together_and_those_done_are_left_alone():
    borders, asked = np.array([0.3, 700.0]), []

    def answers(which, values):
        asked.append(set(which.tolist()))
        return values > borders[which]

    widths = {0: 0.2, 1: 1e-3}
    found = narrow(
        answers, [0, 0], [1, 1000], lambda b: widths[0] if b.answers <= 1 else widths[1]
    )
    assert [b.fails <= x < b.answers for b, x in zip(found, borders, strict=True)] == [
        True,
        True,
    ]
    assert asked[0] == {0, 1} and asked[-1] == {1}


def test_whole_numbers_end_on_neighbours():
    tried = []

    def answers(which, values):
        tried.extend(values)
        return values >= 322

    (found,) = narrow(answers, [0], [950], lambda b: 1, whole=True)
    assert (found.fails, found.answers) == (321.0, 322.0)
    assert all(value == round(value) for value in tried)
    assert len(tried) == len(set(tried))


def test_no_answer_and_no_failure_are_told():
    (never,) = narrow(lambda w, x: x > 99, [0.0], [1.0], lambda b: 1e-3)
    assert never.fails == 1.0 and math.isnan(never.answers) and not never.is_closed
    (always,) = narrow(lambda w, x: x >= 0, [0.0], [1.0], lambda b: 1e-3)
    assert math.isnan(always.fails) and always.answers == 0.0 and not always.is_closed


def test_an_answer_below_the_last_failure_is_told():
    def answers(which, values):
        return (values > 0.8) | ((values > 0.2) & (values < 0.5))

    (found,) = narrow(answers, [0.0], [1.0], lambda b: 1e-3)
    assert found.fails <= 0.8 < found.answers and not found.is_monotonic


def test_known_ends_are_not_tested():
    tried = []
    narrow(
        lambda w, x: tried.extend(x) or x > 0.5,
        [0.0],
        [1.0],
        lambda b: 0.1,
        ends_known=True,
    )
    assert 0.0 not in tried and 1.0 not in tried and len(tried) == TRIALS


def test_a_bracket_of_neighbouring_numbers_ends():
    (found,) = narrow(lambda w, x: x > 1.0, [0.5], [2.0], lambda b: 0.0)
    assert found.answers == np.nextafter(1.0, 2.0)


def test_progress_ends_where_it_said():
    said = []
    narrow(
        lambda w, x: x > 0.123,
        [0.0],
        [1.0],
        lambda b: 1e-6,
        progress=lambda *at: said.append(at),
    )
    assert said[-1][0] == said[-1][1] == len(said)
    assert said[0][1] == pytest.approx(len(said), abs=1)


def test_one_trial_a_round_is_bisection():
    asked = []

    def answers(which, values):
        asked.append(values.tolist())
        return values >= 37.0

    (found,) = narrow(answers, [0], [64], lambda _: 1, whole=True, trials=1)
    assert (found.fails, found.answers) == (36.0, 37.0)
    assert asked[:3] == [[0.0, 32.0, 64.0], [48.0], [40.0]]
    # Two ends and a middle, then one value a round: 2^5 is the half that is left.
    assert len(asked) == 6 and all(len(values) == 1 for values in asked[1:])


def test_ladder_stops_at_its_first_answer_or_at_its_end():
    tested = []

    def answers(which, values):
        tested.extend(values.tolist())
        return values >= np.array([30.0, 1e9, 0.0])[which]

    found = climb(answers, [4.0, 4.0, 4.0], 100.0)
    assert (found[0].fails, found[0].answers) == (16.0, 32.0)
    assert found[1].fails == 100.0 and math.isnan(found[1].answers)
    assert math.isnan(found[2].fails) and found[2].answers == 0.0
    assert max(tested) == 100.0
