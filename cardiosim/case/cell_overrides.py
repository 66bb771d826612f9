"""What a [cell] table makes of a model: its parameters, its drugs, its kernel."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from cardiosim.case.cell_tables import (
    NO_SURROGATE,
    CellTable,
    PrepaceTable,
    Scheme,
)
from cardiosim.ionic.cell import Cell
from cardiosim.ionic.compiled import Scale, compile_cell
from cardiosim.surrogates.checkpoint import load_surrogate
from cardiosim.units import to_project_units

Override = float | Scale


def compiler_of(table: CellTable, scheme: str | None = None) -> Callable[..., Cell]:
    """`compile_cell` with everything that the table says but its parameters."""
    more = {key: getattr(table, key) for key in ("device", "dtype", "torch_compile")}
    if table.surrogate != NO_SURROGATE:
        more["surrogate"] = load_surrogate(table.surrogate)
    return functools.partial(
        compile_cell,
        table.model,
        scheme=scheme or table.scheme,
        substeps=table.substeps,
        fast=table.fast,
        backend=table.backend,
        **{key: value for key, value in more.items() if value is not None},
    )


def without_surrogate(table: CellTable) -> CellTable:
    """The same cell of equations alone, which paces before a run."""
    return table.model_copy(update={"surrogate": NO_SURROGATE})


def overrides_of(
    table: CellTable, scheme: str | None = None, key: str = "cell"
) -> dict[str, Override]:
    """Parameters by name, in the model's units.

    Args:
        table: of the case, or of one of its regions.
        scheme: another reaction scheme than that of the table.
        key: of the table in the case, for messages.
    """
    entries = table.parameters
    unit_of: Callable[[str], str] | None = None
    if any(isinstance(entry.value, str) for entry in entries.values()):
        # The kernel depends on the names alone, so that asking costs no compilation.
        any_value = dict.fromkeys(entries, Scale(1.0))
        unit_of = compiler_of(table, scheme)(parameters=any_value).unit_of
    overrides: dict[str, Override] = {}
    for name, entry in entries.items():
        if entry.value is None:
            overrides[name] = Scale(entry.scale)
        elif isinstance(entry.value, str):
            where = f"{key}.parameters.{name}"
            overrides[name] = to_project_units(entry.value, unit_of(name), where)
        else:
            overrides[name] = entry.value
    for drug in table.drug:
        for name, block in drug.blocks.items():
            share = block.remaining(drug.concentration)
            overrides[name] = _scaled(overrides.get(name, Scale(1.0)), share)
    return overrides


def _scaled(override: Override, factor: float) -> Override:
    if isinstance(override, Scale):
        return Scale(override.factor * factor)
    return override * factor


def together(values: Sequence[Override]) -> Scale | np.ndarray:
    """Values of one parameter, one a node; all scales, or none."""
    scales = [value.factor for value in values if isinstance(value, Scale)]
    return Scale(np.array(scales)) if scales else np.array(values)


def pacing_scheme(prepace: PrepaceTable, fast: Sequence[str]) -> Scheme:
    """Reaction scheme of the beats before a run.

    Args:
        prepace: of the case.
        fast: fast gates of the cell, which multirate needs.
    """
    return prepace.scheme or ("multirate" if fast else "rush_larsen")
