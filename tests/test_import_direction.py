"""Imports inside the package go one way; docs/design/architecture.md says why."""

import ast
from pathlib import Path

import pytest

import cardiosim

PACKAGE = Path(cardiosim.__file__).parent
MAY_IMPORT = {
    "whole_file": set(),
    "stack_rows": set(),
    "ionic": {"stack_rows", "whole_file"},
    "tissue": {"stack_rows"},
    "measure": set(),
    "output": {"measure", "units", "whole_file"},
    "units": set(),
    "surrogates": {"ionic", "whole_file"},
    "simulation": {"ionic", "surrogates", "tissue", "whole_file"},
    "case": {"units", "ionic", "surrogates", "tissue", "simulation"},
    "experiments": {
        *("case", "ionic", "surrogates", "tissue", "simulation", "measure"),
        "whole_file",
    },
}
ROOMS = sorted(path.stem for path in PACKAGE.iterdir() if path.suffix in ("", ".py"))


@pytest.mark.parametrize("room", [room for room in ROOMS if room in MAY_IMPORT])
def test_room_imports_only_what_it_may(room):
    files = [*(PACKAGE / room).rglob("*.py"), *PACKAGE.glob(f"{room}.py")]
    imported = {
        (file.name, name.split(".")[1])
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        for name in _imported_by(node)
        if name.startswith("cardiosim.")
    }
    allowed = MAY_IMPORT[room] | {room}
    assert files
    assert {(file, to) for file, to in imported if to not in allowed} == set()


def test_every_room_has_its_rule():
    free = {"__init__", "__main__", "commands", "__pycache__"}
    assert set(ROOMS) - free <= set(MAY_IMPORT)


def _imported_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports inside the package are absolute"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []
