"""Fingerprints, and kernels that are kept on disk."""

import os
import subprocess
import sys

import numpy as np

from cardiosim.ionic.cell_library import available_cells, model_path
from cardiosim.ionic.compiled import compile_cell
from cardiosim.ionic.emit_numba import NARROW_STRIP, WIDE_STRIP


def test_fingerprint_tells_equations_parameters_and_scheme_apart(small_cell_file):
    def both(**more):
        cell = compile_cell(small_cell_file, **more)
        return cell.fingerprint, cell.equations_fingerprint

    full, equations = both()
    assert both() == (full, equations)
    for more in ({"scheme": "multirate"}, {"scheme": "multirate", "substeps": 8}):
        other = both(**more)
        assert other[0] != full
        assert other[1] == equations
    assert both(scheme="multirate")[0] != both(scheme="multirate", substeps=8)[0]
    for value in (15.5, np.array([15.0, 16.0])):
        other = both(parameters={"ina.g": value})
        assert other[0] != full
        assert other[1] != equations
    edited = compile_cell(edit(small_cell_file))
    assert edited.equations_fingerprint != equations


def edit(path):
    path.write_text(path.read_text().replace("0.1 [1/ms] * exp", "0.2 [1/ms] * exp"))
    return path


def test_edited_text_makes_another_kernel(ramp, small_cell_file):
    states = []
    for change in (lambda path: path, edit):
        cell = compile_cell(change(small_cell_file))
        state, i_stim = ramp(cell, 8)
        cell.react(state, i_stim, dt=0.1)
        states.append(state)
    row = cell.state_names.index("ina.h")
    assert np.abs(states[1][row] - states[0][row]).max() > 1e-3


SECOND_START = """\
import sys
import numpy as np
from cardiosim.ionic.compiled import compile_cell

cell = compile_cell(sys.argv[1], parameters={"ina.g": float(sys.argv[2])})
states = cell.initial_states(3)
cell.react(states, np.zeros(3), dt=0.05, n_steps=20)
print("myokit" in sys.modules, repr(cell.observe(states, ["ina.i_Na"])[0, 0]))
"""


def test_second_start_needs_neither_parser_nor_compiler(small_cell_file, tmp_path):
    cache = tmp_path / "cache"
    environment = os.environ | {"CARDIOSIM_CACHE": str(cache)}

    def start(g):
        done = subprocess.run(
            [sys.executable, "-c", SECOND_START, str(small_cell_file), g],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        files = {
            str(f.relative_to(cache)): f.stat().st_mtime_ns
            for f in cache.rglob("*")
            if f.is_file()
        }
        imported, value = done.stdout.split()
        return imported == "True", value, files

    first = start("15")
    second = start("15")
    assert first[0] and not second[0]
    assert second[1:] == first[1:]  # the same result from untouched files
    assert any(f.endswith(".nbc") for f in first[2])  # machine code among them
    # Another value of an overridden parameter is no other kernel.
    third = start("12")
    assert not third[0] and third[2] == first[2] and third[1] != first[1]


def test_kernel_source_is_readable():
    cell = compile_cell("skibsbye2016")
    source = cell.kernel_source()
    title = "skibsbye2016, rush_larsen: strips of {} nodes."
    assert source.startswith(f'"""{title.format(WIDE_STRIP)}')
    assert "ina_m_inf = " in source
    # One assignment a line.
    assert max(line.count(" = ") for line in source.splitlines()) == 1
    assert cell.kernel_source(1).startswith(f'"""{title.format(NARROW_STRIP)}')


def test_shipped_cells_are_found_by_name():
    assert {"nagumo", "skibsbye2016"} <= set(available_cells())
    for name in available_cells():
        assert model_path(name).is_file()
