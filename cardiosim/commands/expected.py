"""expected.toml beside a case: numbers this program did not make; the comparison."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cardiosim.case.read import CaseError, case_file
from cardiosim.commands.table import number, show_table


@dataclass(frozen=True)
class Expected:
    """One entry of expected.toml."""

    name: str
    value: float
    tolerance: float  # absolute, in the unit of the value
    tolerance_text: str
    source: str = ""  # where the value comes from

    def is_met_by(self, value: float) -> bool:
        """Whether a value is within the tolerance; NaN is not."""
        return abs(value - self.value) <= self.tolerance


def expected_file(case: Path) -> Path:
    """Where the numbers of a case are, or those that a results folder keeps of it.

    Args:
        case: folder with case.toml, or the file; or a results folder.
    """
    if case.is_dir():
        return case / "expected.toml"
    return case_file(case).with_name("expected.toml")


def read_expected(case: Path) -> tuple[Expected, ...]:
    """Read expected.toml beside a case, or in a results folder."""
    file = expected_file(case)
    if not file.is_file():
        raise CaseError(
            f"{file} does not exist; a case is verified against the numbers in it"
        )
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CaseError(f"{file} is not TOML: {error}") from None
    return tuple(_expected(file, name, entry) for name, entry in content.items())


def _expected(file: Path, name: str, entry: Any) -> Expected:
    keys = set(entry) if isinstance(entry, dict) else set()
    if not keys or keys - {"rtol", "atol"} != {"value", "source"} or len(keys) != 3:
        raise CaseError(
            f"{file}: [{name}] has {sorted(keys) or repr(entry)}; expected value, "
            "source, and one of rtol and atol"
        )
    value = float(entry["value"])
    if "rtol" in entry:
        relative = float(entry["rtol"])
        tolerance, text = relative * abs(value), f"{relative * 100:g} %"
    else:
        tolerance, text = float(entry["atol"]), f"{entry['atol']:g}"
    return Expected(name, value, tolerance, text, str(entry["source"]))


def compare(expected: tuple[Expected, ...], summary: dict[str, Any]) -> int:
    """Show the comparison; returns how many are out of tolerance."""
    rows, missed = [], 0
    for entry in expected:
        found = summary.get(entry.name, {"value": math.nan, "unit": ""})
        met = entry.is_met_by(found["value"])
        missed += not met
        rows.append(
            (
                entry.name,
                number(found["value"]),
                f"{entry.value:g}",
                found["unit"],
                entry.tolerance_text,
                _verdict(found["value"], met),
            )
        )
    header = ("quantity", "value", "expected", "unit", "tolerance", "verdict")
    show_table(header, rows, numbers=(1, 2, 4))
    return missed


def _verdict(value: float, met: bool) -> str:
    if math.isnan(value):
        return "not measured"
    return "ok" if met else "MISS"
