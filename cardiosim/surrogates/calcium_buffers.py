"""Total calcium of buffered compartments, and its inverse as a polynomial.

    T = c + sum_k B_k c / (c + K_k)          c free calcium, sites B_k in equilibrium

A step that carries T conserves calcium; the equations of the cell read c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.equations import CellEquations
from cardiosim.ionic.evaluation import evaluate
from cardiosim.ionic.expressions import Name

#: Buffered compartments: sites and their dissociation constants, by name in the cell.
BUFFERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "subspace": (
        ("buffers.SL_low", "buffers.K_SL_low"),
        ("buffers.SL_high", "buffers.K_SL_high"),
        ("buffers.B_Ca", "buffers.K_BCa"),
    ),
    "cytosol": (("buffers.B_Ca", "buffers.K_BCa"),),
    "reticulum": (("buffers.CSQN", "buffers.K_CSQN"),),
}
DEGREE = 4
SHELLS_OF_RETICULUM = (1, 2, 3, 4)


def total_calcium(full: Callable[[str], Any], compartment: str, name: str) -> Any:
    """Free and bound calcium, mM.

    Args:
        full: value of a variable of the cell, by name.
        compartment: one of `BUFFERS`.
        name: of its free calcium.
    """
    free = full(name)
    sites = ((full(B), full(K)) for B, K in BUFFERS[compartment])
    return free + sum(B * free / (free + K) for B, K in sites)


def constant(cell: CellEquations, name: str) -> float:
    """Value of a variable of a cell that no state reaches."""
    return float(evaluate(Name(name), cell.definitions, {}))


def reticulum_load(model: str, lumen: Sequence[Any]) -> Any:
    """Calcium of the sarcoplasmic reticulum of the full cell, free and bound, amol.

    Args:
        model: name of the cell.
        lumen: free calcium of each shell's reticulum, mM; arrays or numbers.
    """
    cell = model_source(model).equations()
    load = 0.0
    for k, free in zip(SHELLS_OF_RETICULUM, lumen, strict=True):

        def full(name: str, free: Any = free) -> Any:
            return free if name == "free" else constant(cell, name)

        volume = constant(cell, f"geometry.V_SR{k}")
        load = load + volume * total_calcium(full, "reticulum", "free")
    return load


def total_range(
    model: str, compartments: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """Total calcium of each of `BUFFERS` between two free ones, mM.

    Args:
        model: name of the cell.
        compartments: lowest and highest free calcium, mM, of each of `BUFFERS`.
    """
    cell = model_source(model).equations()

    def total(compartment: str, value: float) -> float:
        def full(name: str) -> float:
            return value if name == "free" else constant(cell, name)

        return total_calcium(full, compartment, "free")

    return {
        where: (total(where, low), total(where, high))
        for where, (low, high) in compartments.items()
    }


def free_of_total(numbers: Mapping[str, Any], compartment: str, T: Any) -> Any:
    """Free calcium, mM, by the polynomial of a compartment.

    Args:
        numbers: coefficients by name, among others.
        compartment: one of `BUFFERS`.
        T: total calcium, mM; a row, an array or a number.
    """
    free = 0.0
    for k in reversed(range(DEGREE)):
        free = T * (numbers[f"{compartment}_{k + 1}"] + free)
    return free


def free_calcium(
    model: str, compartments: Mapping[str, tuple[float, float]]
) -> tuple[dict[str, float], dict[str, float]]:
    """Polynomials of the total calcium T that give the free one.

        free = q_1 T + ... + q_4 T^4

    Least squares of the relative error over evenly spaced free calcium.

    Args:
        model: name of the cell.
        compartments: see `total_range`.

    Returns:
        q by name, and the largest relative error of each compartment.
    """
    cell = model_source(model).equations()
    found, errors = {}, {}
    for where, (low, high) in compartments.items():
        free = np.linspace(low, high, 400)

        def full(name: str, free: np.ndarray = free) -> Any:
            return free if name == "free" else constant(cell, name)

        T = total_calcium(full, where, "free")
        scale = T.max()
        powers = [(T / scale) ** (k + 1) / free for k in range(DEGREE)]
        matrix = np.stack(powers, axis=1)
        q = np.linalg.lstsq(matrix, np.ones_like(free), rcond=None)[0]
        errors[where] = float(np.abs(matrix @ q - 1.0).max())
        found |= {
            f"{where}_{k + 1}": float(q[k] / scale ** (k + 1)) for k in range(DEGREE)
        }
    return found, errors
