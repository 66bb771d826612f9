"""What a drug leaves of a current: pore block without kinetics.

    g/g0 = 1/(1 + (C/IC50)^h)

The Hill equation of a simple pore block, with one concentration C, the half-maximal
inhibitory concentration IC50 and the Hill coefficient h: Brennan, Fink, Rodriguez 2009,
Eur J Pharm Sci 36:62-77, doi 10.1016/j.ejps.2008.09.013. Drugs that bind one channel
independently of each other leave the product of what each leaves.
"""

from __future__ import annotations


def unblocked_share(concentration: float, ic50: float, hill: float = 1.0) -> float:
    """Share of a current that a drug leaves.

    Args:
        concentration: in the unit of ic50.
        ic50: concentration that halves the current.
        hill: Hill coefficient.

    Raises:
        ValueError: a negative concentration; ic50 or hill not positive.
    """
    if not concentration >= 0.0 or not ic50 > 0.0 or not hill > 0.0:
        raise ValueError(
            f"concentration {concentration:g}, IC50 {ic50:g}, Hill coefficient "
            f"{hill:g}; expected no negative concentration, and the others positive"
        )
    try:
        return 1.0 / (1.0 + (concentration / ic50) ** hill)
    except OverflowError:
        return 0.0
