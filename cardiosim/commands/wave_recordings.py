"""Phase, singularities, tips and frequencies from the snapshots of a run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cardiosim.commands.recorded import marched_case, membrane_potential
from cardiosim.measure.dominant_frequency import (
    BAND,
    DominantFrequency,
    activation_frequency,
    dominant_frequency,
)
from cardiosim.measure.edge_charges import Edges, edge_charges, edges_of
from cardiosim.measure.phase import hilbert_phase
from cardiosim.measure.phase_singularities import (
    Loops,
    Singularities,
    element_loops,
    grid_loops,
    phase_singularities,
)
from cardiosim.measure.surface_orientation import oriented_triangles
from cardiosim.measure.tip_trajectories import SPEED, Trajectory, arms, trajectories
from cardiosim.output.fields import FieldSeries, has_fields, open_fields
from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.output.results import Results

DELAY = 10.0  # ms
ORIGIN = 0.35  # of the way from rest to peak: V*
ARM = 5.0  # mm round a tip, in which the wave is seen to turn
ARM_LOOPS = 4.0  # at least so many distances of nodes
MERGE = 2.0  # distances of nodes
COARSE = 20.0  # ms between snapshots, beyond which tips are not followed
WANTED = 5.0  # ms that suit
BLOCK = 4096  # nodes whose analytic signals are held at once

Show = Callable[[float, float], None]


@dataclass(frozen=True)
class WaveOptions:
    """How phase and tips are measured.

    Attributes:
        phase: "delay" or "hilbert".
        delay: ms; the nearest multiple of the interval of snapshots, one at least.
        origin: V*, mV; None for `ORIGIN` of the way from rest to peak.
        begin, end: ms; what is outside is not looked at.
        speed: the fastest that a tip moves, m/s.
        gap: ms for which a tip may be lost from sight; None for one snapshot.
        merge: mm; nearer singularities are one, or none if they cancel; None for twice
            the distance of the nodes.
        ring: loops of eight nodes instead of four, on grids.
        trim: ms left out at both ends with "hilbert"; None for an eighth of all.
        band: Hz, in which the dominant frequency is looked for.
    """

    phase: str = "delay"
    delay: float = DELAY
    origin: float | None = None
    begin: float = -np.inf
    end: float = np.inf
    speed: float = SPEED
    gap: float | None = None
    merge: float | None = None
    ring: bool = False
    trim: float | None = None
    band: tuple[float, float] = BAND


DEFAULTS = WaveOptions()


@dataclass(frozen=True, eq=False)
class Tips:
    """Singularities at all times, and what they are linked to.

    Attributes:
        times: ms, shape (n_times,).
        found: at each time.
        trajectories: in the order in which they begin.
        interval: of the snapshots, ms.
        spacing: of the nodes, mm.
        phase: how the phase was taken, in words.
        edges: of the tissue, at holes and outside.
        edge_charges: of each at each time, shape (n_times, n_edges).
        kept: time, V (mV) and phase (rad) of some frames, for a picture.
    """

    times: NDArray
    found: Sequence[Singularities]
    trajectories: Sequence[Trajectory]
    interval: float
    spacing: float
    phase: str
    edges: Edges
    edge_charges: NDArray[np.integer]
    kept: Sequence[tuple[float, NDArray, NDArray]] = field(default=(), repr=False)


def wave_series(results: Results, begin: float, end: float) -> tuple[FieldSeries, str]:
    """Snapshots of a run, and the name of V in them.

    Raises:
        ValueError: there are fewer than three with V between `begin` and `end`, ms.
    """
    marched_case(results)
    V = membrane_potential(results)
    advice = (
        f"run its case again with --set record.snapshot.interval={WANTED:g}, which "
        "keeps V of all nodes every so many ms"
    )
    if not has_fields(results.path):
        raise ValueError(f"{results.path} holds no snapshots; {advice}")
    series = open_fields(results.path)
    if V not in series.units:
        raise ValueError(
            f"the snapshots of {results.path} hold {', '.join(series.units)}, not {V}; "
            f"add it to record.snapshot.variables and run the case again"
        )
    if len(chosen_steps(series, begin, end)) < 3:
        raise ValueError(
            f"{results.path} holds fewer than three snapshots between {begin:g} and "
            f"{end:g} ms; those that are there go from {series.times[0]:g} to "
            f"{series.times[-1]:g} ms"
        )
    return series, V


def chosen_steps(series: FieldSeries, begin: float, end: float) -> NDArray[np.intp]:
    """Numbers of the snapshots from `begin` to `end`, ms."""
    rounding = 1e-6
    inside = (series.times >= begin - rounding) & (series.times <= end + rounding)
    return np.flatnonzero(inside)


def evenly_spaced(series: FieldSeries, steps: NDArray[np.intp]) -> NDArray[np.intp]:
    """The snapshots but the last if it comes sooner: it is at the end of the run."""
    gaps = np.diff(series.times[steps])
    is_early = len(gaps) > 2 and gaps[-1] < 0.999 * np.median(gaps)
    return steps[:-1] if is_early else steps


def loops_of(mesh: MeshArrays, ring: bool = False) -> Loops:
    """Loops of a sheet, of the top of a slab, or of the surface of a mesh.

    Elements that were cut out have none: what turns round them is no singularity.

    Raises:
        ValueError: a cable or a cell, on which nothing turns; rings of a mesh that is
            no whole grid.
    """
    squares = mesh.elements("quad")
    bricks = mesh.elements("hexahedron")
    if len(bricks):
        height = mesh.points[bricks[:, 4:], 2]
        squares = bricks[(height == height.max()).all(axis=1), 4:]
    if ring:
        shape = mesh.grid.shape[:2] if mesh.grid else ()
        if not len(squares) or len(squares) < np.prod(np.array(shape) - 1):
            raise ValueError(
                "rings of eight nodes are those of a sheet or slab of squares without "
                "holes; leave --ring out"
            )
        nodes = mesh.grid.place(np.arange(mesh.n_nodes))
        return grid_loops(mesh.points, nodes if nodes.ndim == 2 else nodes[-1], ring)
    if len(squares):
        return element_loops(mesh.points, squares)
    if len(mesh.surface):
        return element_loops(mesh.points, oriented_triangles(mesh.points, mesh.surface))
    raise ValueError(
        f'nothing turns on a mesh of kind "{mesh.kind or "none"}"; tips are those of a '
        "sheet, a slab or a mesh with triangles or tetrahedra"
    )


def potential_origin(series: FieldSeries, V: str, steps: NDArray[np.intp]) -> float:
    """V*: `ORIGIN` of the way from rest to peak, of some fifty snapshots.

    Rest is the smallest V of a snapshot and peak the largest, each the median over
    time; peaks of those snapshots only in which anything is excited.
    """
    some = steps[np.linspace(0, len(steps) - 1, min(50, len(steps))).astype(int)]
    ends = [(v[V].min(), v[V].max()) for _, v in series.steps([V], some)]
    low, high = np.array(ends, dtype=float).T
    rest = float(np.median(low))
    peak = float(np.median(high[high >= 0.5 * (rest + high.max())]))
    return rest + ORIGIN * (peak - rest)


def find_tips(
    results: Results,
    options: WaveOptions = DEFAULTS,
    show: Show = lambda done, end: None,
    frames: int = 0,
) -> Tips:
    """Singularities of all snapshots, followed.

    Args:
        results: of a run of tissue with snapshots of V.
        options: how.
        show: called with the number of snapshots that are done, and of all.
        frames: how many to keep, evenly spread, for a picture.

    Raises:
        ValueError: there are no snapshots, or they are too far apart.
    """
    from scipy.spatial import cKDTree

    loops = loops_of(results.mesh, options.ring)
    edges = edges_of(loops_of(results.mesh) if options.ring else loops)
    series, V = wave_series(results, options.begin, options.end)
    steps = chosen_steps(series, options.begin, options.end)
    interval = float(np.median(np.diff(series.times[steps])))
    if interval > COARSE * (1.0 + 1e-9):
        raise ValueError(
            f"snapshots are {interval:g} ms apart, in which a tip goes too far to be "
            "followed; run the case again with --set record.snapshot.interval="
            f"{WANTED:g} ({COARSE:g} at most)"
        )
    origin = options.origin
    if origin is None:
        origin = potential_origin(series, V, steps)
    if options.phase == "hilbert":
        said, source = _hilbert(series, V, steps, options, origin)
    elif options.phase == "delay":
        said, source = _delayed(series, V, steps, options.delay, interval, origin)
    else:
        raise ValueError(f'phase "{options.phase}"; expected "delay" or "hilbert"')
    merge = MERGE * loops.spacing if options.merge is None else options.merge
    nodes = np.unique(loops.nodes)
    tree, radius = cKDTree(loops.points[nodes]), max(ARM, ARM_LOOPS * loops.spacing)
    times, found, directions, at_edges, kept = [], [], [], [], []
    count = len(steps)
    wanted = set(np.linspace(0, count - 1, frames + 2).astype(int)[1:-1].tolist())
    for k, (t, values, across, along) in enumerate(source):
        now = phase_singularities(loops, across, along, merge)
        theta = np.arctan2(across, along)
        near = tree.query_ball_point(now.positions, radius) if len(now) else []
        times.append(t)
        found.append(now)
        at_edges.append(edge_charges(edges, theta))
        directions.append(arms(now, loops.points, theta, [nodes[n] for n in near]))
        if k in wanted:
            kept.append((t, values, theta))
        show(k + 1, count)
    gap = interval if options.gap is None else options.gap
    linked = trajectories(
        times,
        found,
        directions,
        speed=options.speed,
        slack=2.0 * loops.spacing,
        gap=gap,
    )
    return Tips(
        np.array(times),
        found,
        linked,
        interval,
        loops.spacing,
        said,
        edges,
        np.array(at_edges),
        kept,
    )


Frame = tuple[float, NDArray, NDArray, NDArray]  # t, V, across, along


def _delayed(
    series: FieldSeries,
    V: str,
    steps: NDArray[np.intp],
    delay: float,
    interval: float,
    origin: float,
) -> tuple[str, Iterator[Frame]]:
    """V - V* now, and so many snapshots later, one pair after the other."""
    later = max(1, round(delay / interval))
    if later >= len(steps):
        raise ValueError(
            f"a delay of {delay:g} ms does not fit into snapshots over "
            f"{series.times[steps[-1]] - series.times[steps[0]]:g} ms"
        )

    def frames() -> Iterator[Frame]:
        waiting: deque[tuple[float, NDArray]] = deque()
        for t, values in series.steps([V], steps):
            waiting.append((t, values[V].astype(float)))
            if len(waiting) > later:
                then, now = waiting.popleft()
                yield then, now, now - origin, waiting[-1][1] - origin

    said = f"V against V {later * interval:g} ms later, around V* = {origin:.3g} mV"
    return said, frames()


def _hilbert(
    series: FieldSeries,
    V: str,
    steps: NDArray[np.intp],
    options: WaveOptions,
    origin: float,
) -> tuple[str, Iterator[Frame]]:
    """V - V* and its Hilbert transform; all snapshots are held in single precision."""
    steps = evenly_spaced(series, steps)
    values, times = potentials(series, V, steps), series.times[steps]
    trim = options.trim
    if trim is None:
        trim = (times[-1] - times[0]) / 8.0

    def frames() -> Iterator[Frame]:
        theta = []
        for first in range(0, values.shape[1], BLOCK):
            block = values[:, first : first + BLOCK]
            found = hilbert_phase(block, times, trim, origin)
            theta.append(found.values.astype(np.float32))
        whole = np.concatenate(theta, axis=1)
        begin = int(np.searchsorted(times, found.times[0]))
        for k, t in enumerate(found.times):
            now = whole[k].astype(float)
            yield float(t), values[begin + k], np.sin(now), np.cos(now)

    said = (
        f"Hilbert transform of V around V* = {origin:.3g} mV, without {trim:.3g} ms at "
        "either end"
    )
    return said, frames()


def potentials(series: FieldSeries, V: str, steps: NDArray[np.intp]) -> NDArray:
    """V of all nodes at some snapshots, mV, float32, shape (n_steps, n_nodes)."""
    held = np.empty((len(steps), series.n_nodes), dtype=np.float32)
    for row, (_, values) in zip(held, series.steps([V], steps), strict=True):
        row[:] = values[V]
    return held


def find_frequencies(
    results: Results, options: WaveOptions = DEFAULTS
) -> tuple[DominantFrequency, float]:
    """Dominant frequency of every node, and how long the recording was, ms.

    Raises:
        ValueError: there are no snapshots, or nothing is left of the band.
    """
    series, V = wave_series(results, options.begin, options.end)
    steps = chosen_steps(series, options.begin, options.end)
    steps = evenly_spaced(series, steps)
    times = series.times[steps]
    found = dominant_frequency(potentials(series, V, steps), times, options.band)
    return found, float(times[-1] - times[0])


def activation_frequencies(
    results: Results, options: WaveOptions = DEFAULTS
) -> DominantFrequency:
    """Activations a second of every node, without a spectrum.

    Raises:
        ValueError: no node was activated twice.
    """
    marched_case(results)
    recorded = results.activation
    known = recorded[np.isfinite(recorded)]
    values = np.empty(0)
    if known.size:
        begin, end = max(options.begin, known.min()), min(options.end, known.max())
        values = activation_frequency(recorded, begin, end)
    if not np.isfinite(values).any():
        raise ValueError(
            f"no node of {results.path} was activated twice in the time that is looked "
            "at; run longer"
        )
    nothing = np.empty(0)
    return DominantFrequency(
        values, np.full(values.shape, np.nan), 0.0, nothing, nothing
    )
