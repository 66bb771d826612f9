"""`cardiosim cells`: what can stand in a case as cell.model."""

from __future__ import annotations

from cardiosim.commands.table import show_table


def cells() -> None:
    """List the cells that come with the program."""
    from cardiosim.ionic.compiled import compile_cell
    from cardiosim.ionic.library import available_cells

    rows = []
    for name in available_cells():
        facts = compile_cell(name).facts
        fast = ", ".join(facts["model_fast"]) or "none"
        counts = (facts["states"], facts["gates"], facts["parameters"])
        numbers = [str(len(found)) for found in counts]
        rows.append((name, *numbers, fast, facts["title"]))
    header = ("cell", "states", "gates", "parameters", "fast gates", "what it is")
    show_table(header, rows, numbers=(1, 2, 3))
