"""Traces and activation times of a run, on the disk while it still goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cardiosim.output.electrograms import Electrogram
from cardiosim.output.recordings import Activation, Trace
from cardiosim.output.results import ResultsFolder

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
        self._case, self._recorders, self._results = case, recorders, results
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
        self._results.write_recordings(traces, self._activation())
        self._results.write_electrograms(self._electrograms())

    def _electrograms(self) -> list[Electrogram]:
        tables = self._case.record.electrogram or ()
        if not tables:
            return []
        from cardiosim.case.electrograms import electrodes_of

        written = []
        for table, recorder in zip(tables, self._recorders.electrograms, strict=True):
            electrodes = electrodes_of(table)
            times, potentials = recorder.so_far()
            written.append(
                Electrogram(
                    table.name,
                    times,
                    potentials,
                    electrodes.positions,
                    electrodes.names,
                    electrodes.pairs,
                )
            )
        return written

    def _activation(self) -> Activation | None:
        recorder = self._recorders.activation
        if recorder is None:
            return None
        repolarisation = self._recorders.repolarisation
        return Activation(
            recorder.times,
            recorder.threshold,
            recorder.method,
            repolarisation.times if repolarisation else {},
        )
