"""`cardiosim cells`: what can stand in a case as cell.model."""

from __future__ import annotations

from cardiosim.commands.table import show_table


def cells() -> None:
    """List the cells that come with the program."""
    from cardiosim.ionic.compiled import available_cells

    show_table(("cell",), [(name,) for name in available_cells()])
