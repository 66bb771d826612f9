"""Where waves are measured in a tissue, and the beats that a trial makes there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.schema import CV_FRACTIONS, Case
from cardiosim.experiments.tissue_trials import PacedTissue
from cardiosim.experiments.trial_waves import Response
from cardiosim.measure.action_potential import propagated_action_potentials
from cardiosim.measure.conduction_velocity import NoConduction, conduction_velocity
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.positions import nodes_at

SAMPLES = 0.1  # ms between samples of V

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """Where what is measured.

    Attributes:
        nodes: at which durations are, shape (n_places,); the first is that to whose
            diastolic interval velocities belong.
        start, stop: fractions of a cable between which the velocity is; NaN elsewhere.
        between: two nodes instead; None in a cable.
    """

    nodes: NDArray[np.intp]
    start: float = math.nan
    stop: float = math.nan
    between: tuple[int, int] | None = None

    @classmethod
    def of(
        cls, case: Case, mesh: Mesh, positions: Sequence[Sequence[float]] = ()
    ) -> Places:
        """Places of a case.

        Args:
            case: with measure.cv.between if it is no cable.
            mesh: of it.
            positions: mm, at whose nearest nodes durations are measured; by default
                the middle of the part in which the velocity is.

        Raises:
            ValueError: no cable, and no two positions; or a position off the mesh.
        """
        cv = case.measure.cv
        if mesh.kind == "cable" and not (cv and cv.between):
            start, stop = CV_FRACTIONS
            if cv is not None:
                filled = cv.with_defaults()
                start, stop = filled.start, filled.stop
            x = mesh.points[:, 0]
            middle = x.min() + 0.5 * (start + stop) * np.ptp(x)
            nodes = nodes_at(mesh, positions or [(middle,)])
            return cls(np.asarray(nodes, dtype=np.intp), start, stop)
        if cv is None or cv.between is None:
            raise ValueError(
                f'the velocity in a mesh of kind "{mesh.kind}" needs two positions; '
                "give measure.cv.between, in mm"
            )
        ends = nodes_at(mesh, cv.between)
        middle = mesh.points[ends].mean(axis=0)
        nodes = nodes_at(mesh, positions or [tuple(middle)])
        return cls(np.asarray(nodes, dtype=np.intp), between=tuple(map(int, ends)))

    def velocity(self, mesh: Mesh, lat: Array) -> float:
        """Of a wave with these activation times, ms, m/s; NaN if it does not cross."""
        if self.between is not None:
            first, last = self.between
            delay = abs(lat[last] - lat[first])
            if not np.isfinite(delay) or delay == 0.0:
                return math.nan
            return float(np.linalg.norm(mesh.points[last] - mesh.points[first]) / delay)
        try:
            x = mesh.points[:, 0]
            return abs(conduction_velocity(x, lat, self.start, self.stop))
        except NoConduction:
            return math.nan


@dataclass(frozen=True)
class Beats:
    """Beats at some places: NaN where a place had fewer."""

    upstrokes: Array  # ms, (n_beats, n_places)
    durations: Array  # ms, (n_percents, n_beats, n_places)


def beats_of(
    paced: PacedTissue,
    places: Places,
    response: Response,
    percents: tuple[float, ...],
    n_beats: int,
) -> Beats:
    """The first beats of a response at each place, from its traces."""
    shape = (n_beats, places.nodes.size)
    upstrokes = np.full(shape, np.nan)
    durations = np.full((len(percents), *shape), np.nan)
    for place, node in enumerate(places.nodes):
        lat = response.activations[:, node]
        lat = lat[np.isfinite(lat)][:n_beats]
        found = propagated_action_potentials(
            response.times, response.V[:, place], percents, paced.marching.threshold
        )
        times = np.array([beat.activation_time for beat in found])
        for k, t in enumerate(lat):
            if not times.size:
                break
            # The trace may show a wave of S1 that is still under way.
            beat = found[int(np.abs(times - t).argmin())]
            upstrokes[k, place] = beat.dvdt_max_time
            durations[:, k, place] = list(beat.apd.values())
    return Beats(upstrokes, durations)


def sampling(paced: PacedTissue) -> float:
    """Time between samples of V, ms, a whole number of steps."""
    return max(1, round(SAMPLES / paced.dt)) * paced.dt
