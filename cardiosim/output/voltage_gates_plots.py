"""Pictures of learned gates: steady states and time constants against V, and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cardiosim.output.style import COLOURS, GREY, V_LABEL, picture

_ROW = 2.3  # inches a gate
_WIDTH = 8.4


def draw_gate_functions(
    columns: Mapping[str, NDArray], gates: Sequence[str], path: Path
) -> None:
    """One row a gate: x_inf, its error, tau, its error in percent.

    Args:
        columns: "V", and "GATE_inf_exact", "GATE_inf_network", "GATE_tau_exact" (ms),
            "GATE_tau_network" of every gate, each (n_potentials,).
        gates: names, in order.
        path: PNG file to write.
    """
    V = np.asarray(columns["V"])
    with picture(path, _WIDTH, _ROW * len(gates) + 0.3) as figure:
        rows = figure.subplots(len(gates), 4, sharex=True, squeeze=False)
        for axes, gate in zip(rows, gates, strict=True):
            inf, own_inf, tau, own_tau = (
                np.asarray(columns[f"{gate}_{what}_{of}"])
                for what in ("inf", "tau")
                for of in ("exact", "network")
            )
            for panel, exact, own in ((axes[0], inf, own_inf), (axes[2], tau, own_tau)):
                panel.plot(V, exact, color=GREY, lw=3.0, alpha=0.6, label="equations")
                panel.plot(V, own, color=COLOURS[0], lw=1.1, label="network")
                panel.set_ylim(bottom=0.0)
            errors = (own_inf - inf, 100.0 * (own_tau / tau - 1.0))
            for panel, error in zip((axes[1], axes[3]), errors, strict=True):
                panel.axhline(0.0, color=GREY, lw=0.5)
                panel.plot(V, error, color=COLOURS[1], lw=1.0)
            axes[0].set_title(f"{gate}: steady state")
            axes[1].set_title("network less equations")
            axes[2].set_title("time constant (ms)")
            axes[3].set_title("error of it (%)")
        rows[0][0].legend()
        figure.supxlabel(V_LABEL, fontsize=9)
