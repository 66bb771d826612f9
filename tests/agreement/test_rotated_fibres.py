"""A plane wave of normal n runs at c with c^2 proportional to n.D.n, however the
fibres lie.

The wave runs along x. Where no boundary is felt V depends on x alone, and grid and
triangles are the very equations of a cable of diffusivity D_xx: what is left is the
error of the front's width against dx, which is another for each D_xx. It grows with
dx^2/D_xx and vanishes, at second order, for half-lumped mass; at dx^2/D_xx = 0.33 (90
degrees) the fourth order is not small, and a little more consistent mass balances it.

No flux through a boundary along x, D_xy V_x + D_yy V_y = 0, bends the wave. What a
boundary does runs inwards along the rays D n, so that it reaches the nodes below
y = x D_xy/D_xx, and no others: rays leave the sheet through the opposite boundary.

A wave oblique to the grid meets the mixed derivatives as well, which stay second order:
their error is that of the large D along the fibres, and would count against the small
one across them, were they not taken along the diagonal that conducts better.
"""

import numpy as np
import pytest

from cardiosim.tissue.mesh import cable, sheet
from cardiosim.tissue.simplices import simplices_of
from tests.agreement.waves import D_ACROSS, D_ALONG, arrival, fibre, tensors

MAKE = {"grid": lambda mesh: mesh, "triangles": simplices_of}
START, FIRST, LAST = 1.0, 3.0, 5.5  # mm: end of the stimulus, where c is measured
WIDTH, HEIGHT = 6.5, 11.0
# Above the rays from the lower corner, 5.5 x 2/3 mm high at 45 degrees, by a margin of
# some widths of the front; and off the line along which the cut of the triangles turns.
ROW = 7.0


def plane_wave(make, degrees, consistent, dx):
    """Arrival on the grid, (n_x, n_y), ms, and D_xx, D_xy."""
    grid = sheet((WIDTH, HEIGHT), dx)
    mesh = MAKE[make](grid)
    D = tensors(mesh, fibre(degrees))
    stimulated = mesh.points[:, 0] <= START
    end = round(5.0 + WIDTH / (1.8 * np.sqrt(D[0, 0])))
    times = arrival(mesh, D, stimulated, float(end), consistent)
    return times.reshape(grid.grid.shape, order="F"), D[0, 0], D[0, 3]


def relative_velocity(make, degrees, consistent, dx):
    """c/sqrt(n.D.n), whose square is in (m/s)^2/(mm2/ms)."""
    times, D_xx, _ = plane_wave(make, degrees, consistent, dx)
    in_row = times[:, round(ROW / dx)]
    delay = in_row[round(LAST / dx)] - in_row[round(FIRST / dx)]
    return (LAST - FIRST) / delay / np.sqrt(D_xx)


def largest_change(make, consistent, dx):
    """Of c/sqrt(n.D.n) over the angles, in % of that along the fibres."""
    found = [relative_velocity(make, a, consistent, dx) for a in (0, 30, 45, 90)]
    return 100.0 * np.abs(np.array(found) / found[0] - 1.0).max()


@pytest.mark.parametrize("make", MAKE)
def test_turned_fibres_keep_the_velocity(make):
    """1 % is what is asked for; 0.4 % is found."""
    assert largest_change(make, 0.7, 0.1) < 1.0


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKE)
def test_turned_fibres_keep_the_velocity_at_half_lumped_mass(make):
    """It takes dx 0.05 mm, where dx^2/D across the fibres is 0.08."""
    assert largest_change(make, 0.5, 0.05) < 1.0


@pytest.mark.slow
def test_velocity_is_that_of_the_continuum():
    """1.9862, from tests of others with dx, dt -> 0; theirs is uncertain by 0.1 %."""
    for degrees in (0, 45):
        found = relative_velocity("grid", degrees, 0.5, 0.05)
        # dx^2/D is 0.03 at most, dt 0.02 ms.
        assert found == pytest.approx(np.sqrt(3.945), rel=0.005)


@pytest.mark.parametrize("make", MAKE)
def test_wave_under_turned_fibres_is_that_of_a_cable(make):
    dx, degrees = 0.1, 45
    times, D_xx, _ = plane_wave(make, degrees, 0.5, dx)
    line = cable(WIDTH, dx)
    D = np.zeros((line.n_elements, 6))
    D[:, 0] = D_xx
    alone = arrival(line, D, line.points[:, 0] <= START, 25.0)
    inside = slice(round(FIRST / dx), round(LAST / dx))
    # What the boundaries have left at this row; a step is 0.02 ms.
    assert times[inside, round(ROW / dx)] == pytest.approx(alone[inside], abs=0.01)


def test_boundary_is_felt_along_the_rays_of_one_corner_only():
    dx = 0.1
    times, D_xx, D_xy = plane_wave("grid", 45, 0.5, dx)
    assert D_xy / D_xx == pytest.approx((D_ALONG - D_ACROSS) / (D_ALONG + D_ACROSS))
    late = times - times[:, round(ROW / dx), np.newaxis]
    x = round(LAST / dx)
    ray = (LAST - START) * D_xy / D_xx  # from the corner of the stimulated strip
    # The front is some 1 mm wide along the boundary, and so is the transition.
    assert late[x, : round((ray - 1.5) / dx)].min() > 0.3
    assert np.abs(late[x, round((ray + 2.0) / dx) : round(10.0 / dx)]).max() < 0.02


def oblique_velocity(wave, fibres, dx, consistent=0.5):
    """c/sqrt(n.D.n) of a wave whose normal n is at `wave` degrees to the x axis.

    From a strip 4.5 mm from the middle of a sheet, by the slope of the activation
    times in a square behind the middle that no ray from a boundary reaches.
    """
    size = 14.0
    mesh = sheet((size, size), dx)
    D, n = tensors(mesh, fibre(fibres)), fibre(wave)
    from_middle = mesh.points - [size / 2.0, size / 2.0, 0.0]
    along_n = from_middle @ n
    stimulated = (along_n <= -4.5) & (along_n >= -5.5)
    in_plane = D[0, [0, 3, 3, 1]].reshape(2, 2)
    end = round(5.0 + 7.0 / (1.9 * np.sqrt(n[:2] @ in_plane @ n[:2])))
    times = arrival(mesh, D, stimulated, float(end), consistent)
    offset = from_middle[:, :2] - [-0.8, 0.8]
    square = (np.abs(offset) <= 0.61).all(axis=1)
    columns = np.column_stack([np.ones(square.sum()), offset[square]])
    slope = np.linalg.lstsq(columns, times[square])[0][1:]
    return 1.0 / np.sqrt(slope @ in_plane @ slope)


def test_wave_along_the_fibres_may_run_obliquely_to_the_grid():
    straight, oblique = (oblique_velocity(a, a, 0.1) for a in (0, 45))
    # 1.3 % is found; along the diagonal nodes are 0.14 mm apart, not 0.1.
    assert oblique == pytest.approx(straight, rel=0.015)


@pytest.mark.slow
def test_wave_across_oblique_fibres_comes_down_with_dx():
    """1.1 % slow at 0.1 mm and 0.2 % at 0.05 mm; with mixed differences over all four
    corners it would be 8.5 % and 3 % fast.
    """
    coarse, fine = (
        oblique_velocity(45, 135, dx) / np.sqrt(3.945) - 1.0 for dx in (0.1, 0.05)
    )
    assert abs(coarse) < 0.015
    assert abs(fine) < 0.5 * abs(coarse)
