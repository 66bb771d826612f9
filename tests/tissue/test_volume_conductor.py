"""Potentials of known fields of V, by integrals that scipy computes."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from cardiosim.tissue.conductivity import conductivity_tensors
from cardiosim.tissue.discretisation import discretise, isotropic
from cardiosim.tissue.mesh import cable, sheet, slab
from cardiosim.tissue.simplices import simplices_of
from cardiosim.tissue.volume_conductor import (
    VolumeConductor,
    clearances,
    inverse_distances,
)

D, CAPACITANCE, SIGMA_B, THICKNESS = 0.15, 1.4, 0.6, 0.8
SIGMA = D * CAPACITANCE  # mS/mm
WIDTH = 1.0  # mm, of the bump


def conductor(mesh, electrodes, across=THICKNESS, tensors=None):
    operator = discretise(mesh, isotropic(mesh, D) if tensors is None else tensors)
    return VolumeConductor(mesh, operator, electrodes, SIGMA_B, CAPACITANCE, across)


def bump(points, centre):
    """100 mV high, and nothing at the boundary."""
    r2 = ((points - centre) ** 2).sum(axis=1)
    return -80.0 + 100.0 * np.exp(-r2 / (2.0 * WIDTH**2))


def above_a_bump(height):
    """Of the sheet, on the axis: in rings, by the gradient form."""

    def ring(r):
        slope = -100.0 * r / WIDTH**2 * math.exp(-(r**2) / (2.0 * WIDTH**2))
        return slope * r / (r**2 + height**2) ** 1.5 * 2.0 * math.pi * r

    integral = quad(ring, 0.0, 10.0, epsabs=1e-12, epsrel=1e-12)[0]
    return SIGMA * THICKNESS / (4.0 * math.pi * SIGMA_B) * integral


@pytest.mark.parametrize(
    "mesh",
    [
        cable(5.0, 0.1),
        sheet((3.0, 2.0), 0.1),
        simplices_of(sheet((3.0, 2.0), 0.1)),
        slab((1.0, 1.0, 0.6), 0.2),
    ],
    ids=["cable", "sheet", "triangles", "slab"],
)
def test_uniform_potential_has_no_source(mesh):
    seen = conductor(mesh, [[1.0, 1.0, 0.5], [0.0, 0.0, 0.0]])
    V = np.full(mesh.n_nodes, -73.123456789)
    assert np.all(seen.potentials(V) == 0.0)


@pytest.mark.parametrize("simplices", [False, True])
def test_bump_on_a_sheet_converges_to_its_integral_at_second_order(simplices):
    exact = above_a_bump(1.0)
    errors = []
    for dx in (0.4, 0.2, 0.1):
        mesh = sheet((12.0, 12.0), dx)
        mesh = simplices_of(mesh) if simplices else mesh
        V = bump(mesh.points, [6.0, 6.0, 0.0])
        (found,) = conductor(mesh, [[6.0, 6.0, 1.0]]).potentials(V)
        errors.append(abs(found / exact - 1.0))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    # The first mesh has 2.5 nodes to the width and is not yet in the limit.
    assert orders[-1] > 1.9, (errors, orders)
    assert errors[-1] < 0.004


def test_front_across_a_strip_has_the_potential_of_its_dipole_layer():
    """Of an endless front, sigma T dV (x_e - x) / (2 pi sigma_b r^2), less its ends."""
    half, front, steep, jump = 10.0, 12.0, 0.4, 100.0  # mm, mm, mm, mV
    mesh = sheet((24.0, 2.0 * half), 0.1)
    V = -80.0 + 0.5 * jump * (1.0 - np.tanh((mesh.points[:, 0] - front) / steep))
    for x_e, height in ((10.0, 1.0), (12.7, 1.0), (16.0, 3.0)):

        def line(x, x_e=x_e, height=height):
            slope = -0.5 * jump / steep / np.cosh((x - front) / steep) ** 2
            r2 = (x - x_e) ** 2 + height**2
            return slope * (x - x_e) * 2.0 * half / (r2 * math.sqrt(r2 + half**2))

        integral = quad(line, 0.0, 24.0, points=[front, x_e], epsabs=1e-10)[0]
        exact = SIGMA * THICKNESS / (4.0 * math.pi * SIGMA_B) * integral
        (found,) = conductor(mesh, [[x_e, half, height]]).potentials(V)
        # Second order in dx/height: 0.1^2 of some 5 mV.
        assert found == pytest.approx(exact, abs=0.02)
        assert math.copysign(1.0, found) == math.copysign(1.0, x_e - front)


def test_closed_wave_in_a_block_is_seen_from_within_only():
    """By Green's theorem -sigma/sigma_b (V - V_rest) within, and nothing outside."""
    within, outside = [], []
    electrode = np.array([4.3, 4.0, 3.7])
    for dx in (0.5, 0.25):
        mesh = slab((8.0, 8.0, 8.0), dx)
        V = bump(mesh.points, [4.0, 4.0, 4.0])
        seen = conductor(mesh, [electrode, [4.0, 4.0, 9.0]], across=1.0).potentials(V)
        (V_there,) = bump(electrode[None], [4.0, 4.0, 4.0])
        exact = -SIGMA / SIGMA_B * (V_there + 80.0)
        within.append(abs(seen[0] / exact - 1.0))
        outside.append(abs(seen[1] / exact))
    assert within[1] < 0.02
    assert within[0] > 3.0 * within[1]  # second order
    assert outside[1] < 1e-3


def test_anisotropic_sheet_sees_the_tensor():
    """A bump under fibres along x: D_xx and D_yy each with their half of the rings."""
    mesh = sheet((12.0, 12.0), 0.1)
    fibres = np.tile([1.0, 0.0, 0.0], (mesh.n_elements, 1))
    tensors = conductivity_tensors(mesh.n_elements, 0.25, 0.05, None, fibres)
    V = bump(mesh.points, [6.0, 6.0, 0.0])
    (found,) = conductor(mesh, [[6.0, 6.0, 1.0]], tensors=tensors).potentials(V)
    # On the axis the mean of D over the directions counts, which is 0.15.
    assert found == pytest.approx(above_a_bump(1.0), rel=0.005)


def test_cable_is_a_line_of_sources():
    mesh, area = cable(20.0, 0.05), 0.5
    V = bump(mesh.points, [8.0, 0.0, 0.0])

    def line(x):
        away = x - 8.0
        slope = -100.0 * away / WIDTH**2 * math.exp(-(away**2) / (2.0 * WIDTH**2))
        return slope * (x - 8.0) / ((x - 8.0) ** 2 + 1.0) ** 1.5

    integral = quad(line, 0.0, 20.0, points=[8.0], epsabs=1e-11)[0]
    exact = SIGMA * area / (4.0 * math.pi * SIGMA_B) * integral
    (found,) = conductor(mesh, [[8.0, 0.0, 1.0]], across=area).potentials(V)
    assert found == pytest.approx(exact, rel=2e-3)  # (dx/height)^2 = 0.0025


def test_thickness_of_triangles_is_counted_once():
    flat, electrode = sheet((6.0, 6.0), 0.2), [[3.2, 3.0, 1.0]]
    thick = simplices_of(flat)
    object.__setattr__(thick, "thickness", THICKNESS)
    V = bump(flat.points, [3.0, 3.0, 0.0])
    (found,) = conductor(thick, electrode, across=1.0).potentials(V)
    (again,) = conductor(simplices_of(flat), electrode).potentials(V)
    assert found == pytest.approx(again, rel=1e-12)


def test_balls_are_points_from_outside_and_finite_within():
    volume = 4.0 / 3.0 * math.pi * 0.3**3
    volumes = np.full(1, volume)

    def seen(distance):
        return inverse_distances(np.zeros((1, 3)), volumes, [distance, 0.0, 0.0])[0]

    assert seen(0.31) == pytest.approx(1.0 / 0.31, rel=1e-14)
    assert seen(0.0) == pytest.approx(1.5 / 0.3, rel=1e-14)
    assert seen(0.3 - 1e-9) == pytest.approx(seen(0.3 + 1e-9), rel=1e-7)


def test_clearance_is_that_of_the_nearest_node():
    distance, spacing = clearances(sheet((2.0, 2.0), 0.2), np.array([[1.0, 1.0, 0.5]]))
    assert distance == pytest.approx([0.5])
    assert spacing == pytest.approx([0.2])


def test_too_many_electrodes_are_refused_before_the_memory_is_gone():
    mesh = sheet((100.0, 100.0), 0.1)
    operator = discretise(mesh, isotropic(mesh, D))
    many = np.zeros((1000, 3))
    with pytest.raises(ValueError, match="1000 electrodes over 1002001 nodes take 8"):
        VolumeConductor(mesh, operator, many, SIGMA_B, CAPACITANCE)
