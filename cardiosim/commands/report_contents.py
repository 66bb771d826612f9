"""What a folder holds that a report can tell of, whatever has written it."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cardiosim.case.schema import Case
from cardiosim.commands.recorded import case_of
from cardiosim.output.documents import read_json
from cardiosim.output.results import MARKER, SUMMARY, Results, open_results
from cardiosim.output.tables import read_table

CERTIFICATE = "report.json"
WALL = "wall_"  # begins the name of a wall time in a summary


@dataclass(frozen=True)
class Number:
    """One number of a summary.

    Attributes:
        value: NaN where there is none; a text or a truth value as it is.
        unit: "1" without.
        definition: in one line.
        resolution: as far as the summary tells it, "" otherwise.
    """

    value: Any
    unit: str
    definition: str
    resolution: str = ""

    @property
    def is_numeric(self) -> bool:
        """Whether it is a number and not a text, a truth value or a list."""
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)


@dataclass(frozen=True)
class Contents:
    """A folder, opened.

    Attributes:
        path: of the folder.
        kind: what wrote it, in words.
        numbers: its summary, wall times apart.
        wall_times: s, by phase.
        tables: file name -> columns, and their units.
        pictures: files, in the order of their names.
        results: recordings; None in the folder of a certificate.
        case: what ran, where it is a case.
        certificate: content of its report; None elsewhere.
        complaint: why the folder is not complete, "" if it is.
    """

    path: Path
    kind: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    wall_times: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, tuple[Mapping[str, NDArray], Mapping[str, str]]] = field(
        default_factory=dict
    )
    pictures: tuple[Path, ...] = ()
    results: Results | None = None
    case: Case | None = None
    certificate: Mapping[str, Any] | None = None
    complaint: str = ""

    @property
    def title(self) -> str:
        """What it is about."""
        if self.certificate:
            return str(self.certificate["title"])
        return str(self.resolved.get("title") or "") or self.path.resolve().name

    @property
    def resolved(self) -> Mapping[str, Any]:
        """Content of resolved.toml; empty without one."""
        return self.results.resolved if self.results else {}

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What ran, on what and when; empty where it is not told."""
        if self.certificate:
            return self.certificate.get("provenance", {})
        return self.resolved.get("provenance", {})

    @property
    def marched(self) -> Results | None:
        """Recordings of a single run in time; None of protocols, sweeps and others."""
        is_march = (
            self.results is not None
            and self.case is not None
            and self.case.protocol is None
            and not {"sweep", "fit", "measured"} & set(self.provenance)
            and self.results.mesh.n_nodes > 0
            and (self.results.traces or len(self.results.activation) > 0)
        )
        return self.results if is_march else None

    @property
    def is_tissue(self) -> bool:
        """Whether it holds recordings of coupled nodes."""
        return self.marched is not None and self.results.mesh_kind != "point"


def open_contents(path: Path) -> Contents:
    """Look through a folder.

    Raises:
        FileNotFoundError: it is no folder that this program has written.
        ValueError: a file in it cannot be read, or is of another version.
    """
    try:
        return _certificate(path) if _is_certificate(path) else _results(path)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise ValueError(
            f"{path} holds a file that is damaged ({type(error).__name__}: {error}); "
            "run its case again"
        ) from None
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(
            f"{path} holds a file that cannot be read ({error}); run its case again"
        ) from None


def _is_certificate(path: Path) -> bool:
    return (path / CERTIFICATE).is_file() and not (path / MARKER).is_file()


def _certificate(path: Path) -> Contents:
    document = read_json(path / CERTIFICATE)
    return Contents(
        path,
        "a certificate of a surrogate",
        _numbers_of_rows(document),
        pictures=_pictures(path),
        certificate=document,
    )


def _numbers_of_rows(document: Mapping[str, Any]) -> dict[str, Number]:
    """What a certificate measured of the surrogate, row by row."""
    numbers = {}
    for section in document["sections"]:
        for table in section["tables"]:
            names = [column["name"] for column in table["columns"]]
            if not {"quantity", "surrogate", "unit"} <= set(names):
                continue
            for cells in table["rows"]:
                row = dict(zip(names, cells, strict=True))
                value = row["surrogate"]
                if isinstance(value, int | float):
                    number = Number(value, row["unit"] or "1", section["title"])
                    numbers[row["quantity"]] = number
    return numbers


def _results(path: Path) -> Contents:
    results = open_results(path)
    case = _case(results)
    summary = {
        name: Number(
            entry["value"],
            entry["unit"],
            entry["definition"],
            str(entry.get("resolution", "")),
        )
        for name, entry in results.summary.items()
    }
    walls = {n: number for n, number in summary.items() if n.startswith(WALL)}
    return Contents(
        path,
        _kind(results, case),
        {name: number for name, number in summary.items() if name not in walls},
        {
            name.removeprefix(WALL): float(number.value)
            for name, number in walls.items()
            if number.is_numeric and math.isfinite(number.value)
        },
        _tables(path),
        _pictures(path),
        results,
        case,
        complaint=_complaint(results),
    )


def _tables(path: Path) -> dict:
    """The CSV files that are tables of this program; a user's own may lie there too."""
    found = {}
    for file in sorted(path.glob("*.csv")):
        try:
            found[file.name] = read_table(file)
        except ValueError:
            continue
    return found


def _case(results: Results) -> Case | None:
    """The case that ran; None of a training and of what else has no case."""
    resolved = results.resolved
    if "mesh" not in resolved or "provenance" not in resolved:
        return None
    try:
        if not _added(results):
            return case_of(results)
        own = {k: v for k, v in resolved.items() if k in Case.model_fields}
        return Case.model_validate(own)
    except (ValueError, OSError):  # such as of a mesh or a model that has gone
        return None


def _added(results: Results) -> list[str]:
    """Tables beside the case with which a command says what it has looked for."""
    return [k for k in results.resolved if k not in (*Case.model_fields, "provenance")]


def _kind(results: Results, case: Case | None) -> str:
    provenance = results.resolved.get("provenance", {})
    if "sweep" in provenance:
        return "a sweep"
    if "fit" in provenance:
        return "a fit"
    if "measured" in provenance:
        return f"measured in {provenance['measured'].get('results', 'a run')}"
    if case is None:
        return f"results of {results.resolved.get('kind', 'an unknown kind')}"
    if added := _added(results):
        return f"results of {' and '.join(added)}"
    if case.protocol:
        return f"protocol {case.protocol.kind}"
    return "a run of a single cell" if results.mesh_kind == "point" else "a run"


def _complaint(results: Results) -> str:
    if results.is_finished:
        return ""
    return (
        f"it has no {SUMMARY}: the run goes on, or was stopped. What follows is what "
        "it had recorded until then"
    )


def _pictures(path: Path) -> tuple[Path, ...]:
    # Those of `cardiosim compare` are of another run as well.
    return tuple(p for p in sorted(path.glob("*.png")) if p.name != "compare.png")
