"""The calcium of a human atrial cell with 11 states in the place of 25.

The cell has a subsarcolemmal space, four shells of cytosol and four of sarcoplasmic
reticulum (SR). Here the three inner shells are one, and what is carried of each
compartment is its total calcium T, free and bound, mM:

    dT_ss/dt      = (J_rel_ss - J_ss_outer) / V_ss + influx
    dT_outer/dt   = (J_ss_outer - J_outer_inner) / V_outer
    dT_inner/dt   = (J_outer_inner + J_rel_inner - 2 V_pump up) / V_inner
    dT_SRouter/dt = (J_SR - J_rel_ss) / V_SRouter
    dT_SRinner/dt = (2 V_pump off - J_SR - J_rel_inner) / V_SRinner
    dS/dt         = up - off

What leaves one compartment enters another, so that a step conserves calcium to rounding
whatever has been learned. Free calcium is a polynomial of T. The release gates relax
towards steady states between 0 and 1 with their own time constants, exactly for a
steady state held over the step. All steady states are units of one shape, clamped
cubics of a weighted sum: no exponential, no division.

Reference of the equations it stands for: Koivumaki et al. 2011, doi
10.1371/journal.pcbi.1001067. Clamped cubic: the smoothest step of third degree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cardiosim.ionic.equations import dot
from cardiosim.surrogates.algebra import Algebra, Row
from cardiosim.surrogates.calcium_buffers import (
    BUFFERS,
    DEGREE,
    constant,
    free_of_total,
    total_calcium,
)
from cardiosim.surrogates.interface import TrainedSurrogate

SHELLS = (1, 2, 3)  # those that are one here
ALL = ("ss", *SHELLS, 4)  # compartments of the cytosol
REPLACED = (
    *(f"ryr.{gate}_{k}" for k in ("ss", *SHELLS) for gate in "oca"),
    *(f"serca.S_{k}" for k in (*SHELLS, "ss")),
    "calcium.Ca_ss",
    *(f"calcium.Ca_{k}" for k in (*SHELLS, 4)),
    *(f"sr.CaSR_{k}" for k in (*SHELLS, 4)),
)
GATES = ("ryr.o_ss", "ryr.c_ss", "ryr.a_ss", "ryr.o_inner", "ryr.c_inner")
PUMP = "serca.S_inner"
TOTALS = (
    "calcium.T_ss",
    "calcium.T_outer",
    "calcium.T_inner",
    "sr.T_outer",
    "sr.T_inner",
)
CURRENTS = ("ical.i_CaL", "ib.i_bCa", "icap.i_CaP", "inaca.i_NaCa")

#: Share of the shells' cytosol that is the outer compartment. Chosen; the fourth shell
#: alone, with whose calcium it starts, is 7/16.
OUTER = 0.6
_MICROMOLAR = 1e-3  # mM, in which the gates count calcium, as in the cell
# A gate whose steady state is exactly 0 would decay into subnormal numbers, which are
# slow: units go from half of this to 1 less as much.
_FLOOR = 2e-9
_SPAN = 1.0 - _FLOOR

POLYNOMIALS = tuple(f"{name}_{k + 1}" for name in BUFFERS for k in range(DEGREE))
COMPARTMENT = dict(
    zip(TOTALS, ("subspace", "cytosol", "cytosol", *2 * ("reticulum",)), strict=True)
)

#: What is learned and is positive: conductances um^3/ms, rates, times ms, slopes.
POSITIVE = (
    *("G_ss_outer", "G_outer_inner", "G_SR"),
    *("pump_on", "pump_back", "pump_load", "pump_release"),
    *("release_ss", "release_inner"),
    *("tau_o", "tau_c", "tau_a", "tau_o_inner", "tau_c_inner"),
    *("slope_o", "slope_c", "slope_a", "slope_lumen"),
    *("slope_o_inner", "slope_c_inner"),
    *("adaptation_low", "adaptation_span"),
)
#: What is learned and may have either sign: thresholds and couplings.
SIGNED = (
    *("at_o", "at_c", "at_a", "at_lumen_ss", "at_lumen_inner"),
    *("at_o_inner", "at_c_inner", "adaptation_inner_0", "adaptation_inner_1"),
    *(f"o_inner_{x}" for x in ("outer", "a", "SR_outer", "SR_inner")),
    *(f"c_inner_{x}" for x in ("outer", "a", "SR_outer", "SR_inner")),
    *("pump_site", "pump_load_inner", "G_outer_inner_outer", "G_outer_inner_inner"),
    *("G_SR_SR_outer", "G_SR_SR_inner"),
)
LEARNED = (*POSITIVE, *SIGNED)


class CalciumStep(TrainedSurrogate):
    """A step of the whole calcium subsystem; see the module.

    `numbers` holds `LEARNED`, and `POLYNOMIALS`, which are fitted to the cell's buffers
    (`calcium_buffers.free_calcium`).
    """

    kind = "calcium_step"
    replaces = REPLACED
    carries = (*GATES, PUMP, *TOTALS)
    inputs = CURRENTS
    provides = ("calcium.Ca_ss", "calcium.Ca_i")
    units = dict.fromkeys(GATES, "1") | dict.fromkeys((PUMP, *TOTALS), "mM")

    def __init__(
        self,
        name: str,
        model: str,
        numbers: Mapping[str, float],
        ranges: Mapping[str, tuple[float, float]] | None = None,
        dt_range: tuple[float, float] = (1e-3, 0.1),
        networks: tuple = (),
    ) -> None:
        """Args:
        name: of the surrogate.
        model: name of the cell.
        numbers: `LEARNED` and `POLYNOMIALS`.
        ranges: of the total calcium of compartments, mM.
        dt_range: see `TrainedSurrogate`.
        networks: none.

        Raises:
            ValueError: a number is missing, or one too many.
        """
        expected = {*LEARNED, *POLYNOMIALS}
        wrong = sorted(expected ^ numbers.keys())
        if wrong or networks:
            raise ValueError(
                f"the numbers of {name} lack or do not know {', '.join(wrong)}; "
                f"expected those of cardiosim.surrogates.calcium_step, and no network"
            )
        super().__init__(name, model, (), ranges, dt_range, numbers=numbers)

    def step(
        self,
        algebra: Algebra,
        carried: Mapping[str, Row],
        x: Mapping[str, Row],
        dt: Row,
    ) -> Mapping[str, Row]:
        """See `TrainedSurrogate.step`."""
        n = self._learned(algebra)
        V_ss, *V_shell = algebra.cell([f"geometry.V_{k}" for k in ALL], {})
        *V_SR, V_SR_outer = algebra.cell(
            [f"geometry.V_SR{k}" for k in (*SHELLS, 4)], {}
        )
        V_pump, V_bulk = sum(V_shell[:3]), sum(V_shell)
        leak, pumps = algebra.cell(["ryr.k_leak", "serca.c"], {})
        o, c, a, o_inner, c_inner, S, T_ss, T_outer, T_inner, T_SR, T_SR_inner = (
            carried[name] for name in self.carries
        )
        free = {name: self._free(algebra, n, name, carried) for name in TOTALS}
        Ca, Ca_outer, Ca_inner, SR, SR_inner = free.values()
        u, u_outer, u_inner = (
            algebra.keep("u", Ca / _MICROMOLAR) for Ca in (Ca, Ca_outer, Ca_inner)
        )
        # Centred, and about 1 in size.
        centred = {
            "outer": 2.0 * (u_outer - 0.5),
            "inner": 3.0 * (u_inner - 0.4),
            "a": 5.0 * (a - 0.35),
            "SR_outer": 5.0 * (SR - 0.5),
            "SR_inner": 5.0 * (SR_inner - 0.65),
        }
        centred = {f: algebra.keep(f, row) for f, row in centred.items()}

        def weighted(name: str, *of: str) -> Row:
            return sum(n[f"{name}_{f}"] * centred[f] for f in of)

        def unit(z: Row) -> Row:
            z = algebra.keep("z", algebra.clamp(z, -1.0, 1.0))
            return 0.5 + z * (0.75 * _SPAN - 0.25 * _SPAN * z * z)

        above = algebra.keep("above", u - a)
        adapted = n["adaptation_inner_0"] + n["adaptation_inner_1"] * a
        above_inner = algebra.keep("above_inner", u_inner - adapted)
        state = ("outer", "a", "SR_outer", "SR_inner")
        steady = {
            "o": unit((above - n["at_o"]) * n["slope_o"]),
            "c": 1.0 - unit((above - n["at_c"]) * n["slope_c"]),
            "a": n["adaptation_low"]
            + n["adaptation_span"] * unit((u - n["at_a"]) * n["slope_a"]),
            "o_inner": unit(
                (above_inner - n["at_o_inner"]) * n["slope_o_inner"]
                + weighted("o_inner", *state)
            ),
            "c_inner": 1.0
            - unit(
                (above_inner - n["at_c_inner"]) * n["slope_c_inner"]
                + weighted("c_inner", *state)
            ),
        }
        lumen = unit((SR - n["at_lumen_ss"]) * n["slope_lumen"])
        lumen_inner = unit((SR_inner - n["at_lumen_inner"]) * n["slope_lumen"])

        def factor(*terms: Row) -> Row:
            """1 + terms; a conductance never runs backwards."""
            row = algebra.keep("factor", 1.0 + sum(terms))
            return algebra.select(row > 0.0, row, 0.0)

        # Fluxes, amol/ms.
        released = n["release_ss"] * o * c * lumen + leak * V_ss
        J_ss = algebra.keep("J", released * (SR - Ca))
        released = n["release_inner"] * o_inner * c_inner * lumen_inner + leak * V_pump
        J_inner = algebra.keep("J", released * (SR_inner - Ca_inner))
        J_ss_outer = algebra.keep("J", n["G_ss_outer"] * (Ca - Ca_outer))
        between = factor(weighted("G_outer_inner", "outer", "inner"))
        J_outer_inner = algebra.keep(
            "J", n["G_outer_inner"] * between * (Ca_outer - Ca_inner)
        )
        between = factor(weighted("G_SR", "SR_outer", "SR_inner"))
        J_SR = algebra.keep("J", n["G_SR"] * between * (SR_inner - SR))
        site = algebra.keep("site", Ca_inner + n["pump_site"] * (Ca_outer - Ca_inner))
        empty = algebra.keep("empty", pumps - S)
        up = n["pump_on"] * site * site * empty - n["pump_back"] * S
        off = n["pump_release"] * S - n["pump_load"] * SR_inner * SR_inner * empty
        off = factor(weighted("pump_load", "inner")) * off
        up, off = algebra.keep("up", up), algebra.keep("off", off)
        # dCa_ss/dt without buffers and without what the cell exchanges within itself.
        (influx,) = algebra.cell(
            [dot("calcium.Ca_ss")], {"calcium.J_ss": 0.0, "buffers.beta_ss": 1.0}
        )
        new = {
            state: steady[gate]
            + (carried[state] - steady[gate])
            * self._decay(algebra, dt, n[f"tau_{gate}"])
            for state, gate in zip(GATES, steady, strict=True)
        }
        V_outer, V_inner = OUTER * V_bulk, (1.0 - OUTER) * V_bulk
        pumped = 2.0 * V_pump
        return new | {
            PUMP: S + dt * (up - off),
            TOTALS[0]: T_ss + dt * ((J_ss - J_ss_outer) / V_ss + influx),
            TOTALS[1]: T_outer + dt * ((J_ss_outer - J_outer_inner) / V_outer),
            TOTALS[2]: T_inner
            + dt * ((J_outer_inner + J_inner - pumped * up) / V_inner),
            TOTALS[3]: T_SR + dt * ((J_SR - J_ss) / V_SR_outer),
            TOTALS[4]: T_SR_inner + dt * ((pumped * off - J_SR - J_inner) / sum(V_SR)),
        }

    def provide(
        self, algebra: Algebra, carried: Mapping[str, Row], x: Mapping[str, Row]
    ) -> Mapping[str, Row]:
        """See `TrainedSurrogate.provide`."""
        n = self._learned(algebra)
        V_ss, *V_shell = algebra.cell([f"geometry.V_{k}" for k in ALL], {})
        V_bulk = sum(V_shell)
        ss, outer, inner = (
            self._free(algebra, n, name, carried) for name in TOTALS[:3]
        )
        mean = V_ss * ss + V_bulk * (OUTER * outer + (1.0 - OUTER) * inner)
        return {"calcium.Ca_ss": ss, "calcium.Ca_i": mean / (V_ss + V_bulk)}

    def start(self, algebra: Algebra, full: Callable[[str], Row]) -> Mapping[str, Row]:
        """The calcium of the full cell, all of it; see `TrainedSurrogate.start`."""
        V_ss = full("geometry.V_ss")
        V = {k: full(f"geometry.V_{k}") for k in (*SHELLS, 4)}
        V_SR = {k: full(f"geometry.V_SR{k}") for k in V}
        V_pump = sum(V[k] for k in SHELLS)
        cytosol = {
            k: V[k] * total_calcium(full, "cytosol", f"calcium.Ca_{k}") for k in V
        }
        lumen = {
            k: V_SR[k] * total_calcium(full, "reticulum", f"sr.CaSR_{k}") for k in V
        }
        T_outer = cytosol[4] / V[4]
        V_outer = OUTER * sum(V.values())
        V_inner = sum(V.values()) - V_outer

        def mean(name: str) -> Row:
            return sum(V[k] * full(name.format(k)) for k in SHELLS) / V_pump

        # The few pumps beside the subspace are none here; what they hold is not lost.
        held = 2.0 * V_ss * full("serca.S_ss")
        return {
            "ryr.o_inner": mean("ryr.o_{}"),
            "ryr.c_inner": mean("ryr.c_{}"),
            PUMP: mean("serca.S_{}"),
            TOTALS[0]: total_calcium(full, "subspace", "calcium.Ca_ss"),
            TOTALS[1]: T_outer,
            TOTALS[2]: (sum(cytosol.values()) - V_outer * T_outer) / V_inner,
            TOTALS[3]: lumen[4] / V_SR[4],
            TOTALS[4]: (sum(lumen[k] for k in SHELLS) + held)
            / sum(V_SR[k] for k in SHELLS),
        }

    def content(self, rows: Mapping[str, Any]) -> Any:
        """Calcium of the cell, amol.

        Args:
            rows: of the carried states, by name; arrays or numbers.
        """
        return sum(volume * rows[n] for n, volume in self._volumes.items())

    def load(self, rows: Mapping[str, Any]) -> Any:
        """Calcium of the sarcoplasmic reticulum, free and bound, amol."""
        return sum(self._volumes[n] * rows[n] for n in TOTALS[3:])

    @property
    def _volumes(self) -> dict[str, float]:
        """What 1 mM of each carried concentration holds, amol/mM = um^3."""
        cell = self.cell_equations
        V = {k: constant(cell, f"geometry.V_{k}") for k in ALL}
        V_SR = {k: constant(cell, f"geometry.V_SR{k}") for k in (*SHELLS, 4)}
        bulk = sum(V[k] for k in (*SHELLS, 4))
        volumes = (V["ss"], OUTER * bulk, (1.0 - OUTER) * bulk)
        volumes += (V_SR[4], sum(V_SR[k] for k in SHELLS))
        pumped = {PUMP: 2.0 * sum(V[k] for k in SHELLS)}
        return dict(zip(TOTALS, volumes, strict=True)) | pumped

    def _learned(self, algebra: Algebra) -> dict[str, Row]:
        return {name: algebra.number(name, v) for name, v in self.numbers.items()}

    @staticmethod
    def _decay(algebra: Algebra, dt: Row, tau: Row) -> Row:
        return algebra.keep("decay", algebra.exp(-(dt / tau)))

    @staticmethod
    def _free(
        algebra: Algebra, n: Mapping[str, Row], name: str, carried: Mapping[str, Row]
    ) -> Row:
        """Free calcium of a compartment, mM."""
        row = free_of_total(n, COMPARTMENT[name], carried[name])
        return algebra.keep("free", row)
