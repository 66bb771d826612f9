"""Traces and activation times of a run, on the disk while it still goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cardiosim.output.results import ResultsFolder, Trace

if TYPE_CHECKING:
    from cardiosim.case.build import Recorders
    from cardiosim.case.schema import Case
    from cardiosim.simulation.monodomain import Monodomain

WRITE_INTERVAL = 60.0  # s of wall time; what a kill may cost
WRITE_SHARE = 0.03  # of the wall time that writing may take


class KeptRecordings:
    """Writes what the recorders hold, now and then and at the end."""

    def __init__(
        self,
        case: Case,
        problem: Monodomain,
        recorders: Recorders,
        results: ResultsFolder,
    ) -> None:
        self._recorders, self._results = recorders, results
        self._threshold = case.record.activation_threshold
        self._units = {
            name: problem.cell.unit_of(name)
            for trace in recorders.traces
            for name in trace.names
        }
        self._next = time.monotonic() + WRITE_INTERVAL

    def write_if_due(self) -> None:
        """Write if it was long ago; large recordings are written less often."""
        began = time.monotonic()
        if began < self._next:
            return
        self.write()
        now = time.monotonic()
        self._next = now + max(WRITE_INTERVAL, (now - began) / WRITE_SHARE)

    def write(self) -> None:
        """Write what there is."""
        traces = []
        for index, recorder in enumerate(self._recorders.traces):
            times, values = recorder.so_far()
            units = {name: self._units[name] for name in recorder.names}
            traces.append(Trace(f"trace{index}", times, recorder.nodes, values, units))
        activation = self._recorders.activation
        self._results.write_recordings(
            traces, activation and activation.times, self._threshold
        )
