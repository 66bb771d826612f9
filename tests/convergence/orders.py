"""The order that a row of errors shows."""

import numpy as np


def observed_order(sizes, errors) -> float:
    """Slope of a line through the logarithms, fitted by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])
