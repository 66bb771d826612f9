"""When the beats of a case begin: as the stimuli of the run do, and before its end."""

import numpy as np
import pytest

from cardiosim.case.beats import beats_of
from cardiosim.case.schema import Case
from cardiosim.case.stimuli import build_stimuli
from cardiosim.tissue.mesh import point


def case(stimuli, end, dt=0.02):
    return Case.model_validate(
        {
            "mesh": {"kind": "point"},
            "cell": {"model": "nagumo"},
            "stimulus": [{"duration": 1.0, "amplitude": 50.0, **s} for s in stimuli],
            "time": {"dt": dt, "end": end},
        }
    )


@pytest.mark.parametrize(
    ("start", "period", "end", "expected"),
    [
        # (end - start)/period is 3.0000000000000004 and 3.
        (0.0, 250.2, 750.6, [0.0, 250.2, 500.4]),
        (0.0, 250.0, 750.0, [0.0, 250.0, 500.0]),
        (2.0, 0.0, 750.0, [2.0]),
        (2.0, 250.0, 502.02, [2.0, 252.0, 502.0]),
        (2.0, 250.0, 501.98, [2.0, 252.0]),
    ],
)
def test_a_train_without_a_count_has_the_beats_that_begin_in_the_run(
    start, period, end, expected
):
    table = {"start": start} | ({"period": period} if period else {})
    asked = case([table], end)
    np.testing.assert_allclose(beats_of(asked)[0], expected, rtol=1e-12)
    (stimulus,) = build_stimuli(asked, point())
    # The same numbers, to the bit, at which the current of the run begins.
    assert set(beats_of(asked)[0].tolist()) <= set(stimulus.begins(end))


def test_stimuli_together_are_one_beat_of_the_longest():
    both = [{"start": 5.0}, {"start": 5.0, "duration": 3.0}, {"start": 2.0}]
    starts, durations = beats_of(case(both, 20.0))
    assert (starts.tolist(), durations.tolist()) == ([2.0, 5.0], [1.0, 3.0])
