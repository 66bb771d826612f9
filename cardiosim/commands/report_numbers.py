"""Tables of a report: numbers by what they are of, expected ones, time taken."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from cardiosim.case.schema import Case
from cardiosim.commands.expected import expected_file, read_expected
from cardiosim.commands.report_contents import Contents, Number
from cardiosim.measure.differences import number_difference
from cardiosim.output.report import Column, Mark, Table

ACTIVATION = "Activation"
AT_POSITIONS = ("lat_", "activations_", "cycle_length_")  # then a name that users gave
# Groups of numbers by how words in their names begin; the first that fits.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Activation",
        ("lat", "activations", "cycle_length"),
    ),  # with names that users gave
    (
        "Waves",
        ("wave", "phase", "singular", "rotor", "rotation", "tip", "frequency"),
    ),
    ("Conduction velocity", ("velocity", "cv", "conduction", "conductivity")),
    (
        "Refractoriness and excitability",
        ("erp", "refractory", "threshold", "window", "s2"),
    ),
    ("Electrograms", ("electrogram",)),
    ("Repolarisation", ("repolarisation", "dispersion")),
    ("Restitution", ("slope", "restitution", "alternans")),
    ("Calcium transient", ("calcium",)),
    (
        "Action potential",
        ("apd", "resting", "peak", "amplitude", "dvdt", "triangulation", "diastolic"),
    ),
    (ACTIVATION, ("activ", "cycle")),
)
OTHER = "Other numbers"
# Of what [record.repolarisation] keeps of each node, in every step.
DURATION_OF_NODES = r"apd[\d.]+_(median|dispersion)$|apd_to_.*mV_(median|dispersion)$"
STEPS = ("react", "diffuse")  # phases of the wall time in which steps are taken


def group_of(name: str) -> str:
    """The table to which a number belongs, by its name."""
    if name.startswith(AT_POSITIONS):
        return ACTIVATION
    for group, begins in GROUPS:
        if any(word.startswith(begins) for word in re.split(r"[_ ]", name.lower())):
            return group
    return OTHER


def grouped(numbers: Mapping[str, Number]) -> dict[str, list[str]]:
    """Names of the numbers by group, groups in the order of GROUPS."""
    groups: dict[str, list[str]] = {name: [] for name, _ in GROUPS} | {OTHER: []}
    for name in numbers:
        groups[group_of(name)].append(name)
    return {group: names for group, names in groups.items() if names}


def definition_of(name: str, number: Number, contents: Contents) -> str:
    """What a number is, and how finely it was looked for."""
    resolution = resolution_of(name, number, contents)
    said = f"resolution: {resolution}" if resolution else ""
    return "; ".join(text for text in (number.definition, said) if text)


def number_tables(contents: Contents) -> list[Table]:
    """Every number with its unit, its resolution and what it is."""
    columns = (
        Column("quantity"),
        Column("value", digits=6),
        Column("unit"),
        Column("resolution"),
        Column("what it is"),
    )
    return [
        Table(
            group,
            columns,
            [_row(name, contents.numbers[name], contents) for name in names],
        )
        for group, names in grouped(contents.numbers).items()
    ]


def _row(name: str, number: Number, contents: Contents) -> tuple:
    return (
        name,
        shown_value(number),
        unit_text(number.unit),
        resolution_of(name, number, contents),
        number.definition,
    )


def shown_value(number: Number) -> object:
    """A value as a cell of a table: lists as text, whole floats as they are."""
    if isinstance(number.value, list):
        return ", ".join(f"{value:g}" for value in number.value)
    return number.value


def unit_text(unit: str) -> str:
    """A unit as readers want it: nothing for 1."""
    return "" if unit == "1" else unit


def resolution_of(name: str, number: Number, contents: Contents) -> str:
    """How finely a number was looked for: bracket, step or sampling interval."""
    if number.resolution:
        return number.resolution
    case = contents.case
    if case is None or not number.is_numeric:
        return ""
    group, protocol = group_of(name), case.protocol
    bracket = getattr(protocol, "resolution", None)
    if bracket is not None and group == "Refractoriness and excitability":
        return f"{bracket:g} ms" if number.unit == "ms" else f"{100 * bracket:g} %"
    if number.unit == "1":
        return ""
    if (interval := _electrogram_interval(name, case)) is not None:
        return f"samples every {interval:g} ms"
    crossing = f"steps of {case.time.dt:g} ms, interpolated"
    if group == "Conduction velocity":
        return crossing
    if contents.marched is None:
        return ""
    if group == ACTIVATION or name == "activation_time":
        return crossing
    if case.record.repolarisation and re.match(DURATION_OF_NODES, name):
        return crossing
    if group in ("Action potential", "Calcium transient") and case.record.trace:
        return f"samples every {_sampling(contents):g} ms"
    return ""


def _electrogram_interval(name: str, case: Case) -> float | None:
    """Between samples of the recording that a number is of, ms; None of any other."""
    for k, table in enumerate(case.record.electrogram or ()):
        if name.startswith(f"{table.name or f'electrogram{k}'}_"):
            return table.interval
    return None


def _sampling(contents: Contents) -> float:
    """Longest time between samples of the traces, ms."""
    return max(trace.interval or math.nan for trace in contents.case.record.trace)


def expected_table(contents: Contents, called: str = "") -> Table | None:
    """Numbers beside those that the case is held to; None where it has none, or where
    the run has not come to its end.
    """
    results = contents.results
    if results is None or not results.is_finished:
        return None
    if not expected_file(contents.path).is_file():
        return None
    rows = []
    for entry in read_expected(contents.path):
        number = contents.numbers.get(entry.name, Number(math.nan, "1", ""))
        met = entry.is_met_by(number.value)
        rows.append(
            (
                entry.name,
                number.value,
                entry.value,
                unit_text(number.unit),
                entry.tolerance_text,
                Mark.PASS if met else Mark.FAIL,
                " ".join(entry.source.split()),
            )
        )
    columns = (
        *(Column("quantity"), Column("value", digits=6), Column("expected", digits=6)),
        *(Column("unit"), Column("tolerance"), Column("verdict")),
        Column("where the expected number comes from"),
    )
    title = f"Expected numbers{f' of {called}' if called else ''} (expected.toml)"
    return Table(title, columns, rows)


def node_steps(contents: Contents) -> float:
    """Nodes times steps of a run that came to its end; NaN of anything else."""
    results = contents.marched
    if results is None or not results.is_finished:
        return math.nan
    time = contents.case.time
    return results.mesh.n_nodes * float(round(time.end / time.dt))


def seconds_of_steps(contents: Contents) -> float:
    """Wall time of reaction and diffusion, s; NaN where it is not known."""
    if "react" not in contents.wall_times:
        return math.nan
    return sum(contents.wall_times.get(phase, 0.0) for phase in STEPS)


def speed(contents: Contents) -> float:
    """Node-steps per second of wall time in the steps; NaN where it is not known."""
    seconds = seconds_of_steps(contents)
    return node_steps(contents) / seconds if seconds > 0.0 else math.nan


def timing_table(contents: Contents) -> Table | None:
    """Wall time by phase; None where it was not kept."""
    walls = contents.wall_times
    if not walls:
        return None
    total = walls.get("total", sum(walls.values()))
    rows = [
        (phase, seconds, 100.0 * seconds / total if total else math.nan)
        for phase, seconds in walls.items()
    ]
    return Table(
        "Wall time",
        (Column("phase"), Column("time", "s", 3), Column("share", "%", 2)),
        rows,
        speed_note(contents),
    )


def speed_note(contents: Contents) -> str:
    """Node-steps per second, and of what; "" where it is not known."""
    found = speed(contents)
    if math.isnan(found):
        return ""
    return (
        f"{found:.3g} node-steps per second: {node_steps(contents):.4g} steps of a "
        f"node in {seconds_of_steps(contents):.3g} s of reaction and diffusion, which "
        "begin with compiled kernels."
    )


def compared_cells(name: str, numbers: Sequence[Number | None]) -> list:
    """Values of one quantity, and of two the difference, relative where it has one."""
    cells = [None if number is None else shown_value(number) for number in numbers]
    if len(numbers) != 2:
        return cells
    if None in numbers:
        return [*cells, None, None]
    first, second = numbers
    if not (first.is_numeric and second.is_numeric):
        return [*cells, None if first.value == second.value else "differs", None]
    if first.unit != second.unit:
        return [*cells, f"in {second.unit} the second", None]
    apart = number_difference(name, first.unit, first.value, second.value)
    share = None if math.isnan(apart.relative) else 100.0 * apart.relative
    return [*cells, apart.absolute, share]
