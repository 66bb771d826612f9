"""Velocity along and across fibres, from fields whose law is known."""

import numpy as np
import pytest

from cardiosim.measure.fibre_velocities import fibre_cosines, fibre_velocities
from cardiosim.measure.velocity_field import velocity_field

from .activation_fields import elements, elliptic, plane, squares


def test_elliptic_wave_gives_both_velocities_and_their_ratio():
    angle, c = np.radians(30.0), 1.9
    fibre = np.array([np.cos(angle), np.sin(angle), 0.0])
    D = 0.05 * np.eye(2) + 0.15 * np.outer(fibre[:2], fibre[:2])
    mesh = squares(0.1)
    lat, _ = elliptic(mesh.points, np.array([5.0, 5.0]), D, c)
    blocks = elements(mesh)
    field = velocity_field(mesh.points, blocks, lat)
    fibres = np.broadcast_to(fibre, (len(mesh.blocks[0]), 3))
    cosines = fibre_cosines(field.vectors, blocks, fibres)
    found = fibre_velocities(field.speed, cosines)
    # The fits of the field are good to 0.1 % far from the source, and to 3 % next to
    # where it is masked; the sharp ends of the ellipse have most of these.
    assert found.longitudinal == pytest.approx(c * np.sqrt(0.2), rel=5e-3)
    assert found.transverse == pytest.approx(c * np.sqrt(0.05), rel=5e-3)
    assert found.ratio == pytest.approx(2.0, rel=1e-2)
    assert found.residual < 0.01
    assert found.span[0] < 0.1 and found.span[1] > 0.9


def test_fibres_that_turn_are_averaged_as_lines():
    """f and -f are one fibre; elements without one do not count."""
    mesh = squares(0.5, (2.0, 1.0))
    blocks = elements(mesh)
    _, velocity = plane(mesh.points, (1.0, 0.0, 0.0))
    fibres = np.zeros((len(mesh.blocks[0]), 3))
    fibres[::2, 0], fibres[2::4, 0] = 1.0, -1.0
    cosines = fibre_cosines(velocity, blocks, fibres)
    np.testing.assert_allclose(cosines[np.isfinite(cosines)], 1.0)
    fibres[1::2, 1] = 1.0
    cosines = fibre_cosines(velocity, blocks, fibres).reshape(3, 5)
    np.testing.assert_allclose(cosines, np.tile([1.0, 0.5, 0.5, 0.5, 0.0], (3, 1)))


def test_one_direction_is_too_little_to_fit():
    speed, cosines = np.full(100, 0.6), np.full(100, 0.75)
    found = fibre_velocities(speed, cosines)
    assert np.isnan(found.longitudinal) and np.isnan(found.ratio)
    assert found.span == (0.75, 0.75)
    assert np.isnan(fibre_velocities(speed[:3], cosines[:3]).transverse)
