import numpy as np
import pytest
from scipy.special import k1

from cardiosim.tissue.fibres import by_angle
from cardiosim.tissue.fibrosis import fibrotic_elements, gaussian_field, pattern_of
from cardiosim.tissue.mesh import (
    ElementBlock,
    Mesh,
    cable,
    sheet,
    slab,
    with_holes,
)
from cardiosim.tissue.simplices import simplices_of

SHEET = sheet((10.0, 10.0), 0.25)
KINDS = {
    "diffuse": {},
    "interstitial": {"length": 3.0, "width": 0.5},
    "patchy": {"length": 2.0, "width": 2.0},
}


def pattern(kind, fraction=0.3, seed=1, mesh=SHEET, **others):
    fibres = by_angle(mesh, 0.0)
    return fibrotic_elements(
        mesh, kind, fraction, seed, fibres=fibres, **KINDS[kind], **others
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fraction", [0.0, 0.1234, 0.5, 1.0])
def test_the_fraction_is_met_to_the_nearest_element(kind, fraction):
    count = np.count_nonzero(pattern(kind, fraction))
    assert abs(count - fraction * SHEET.n_elements) <= 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_the_fraction_is_that_of_the_elements_inside(kind):
    inside = SHEET.centroids[:, 0] < 4.0
    found = pattern(kind, 0.25, inside=inside)
    assert not found[~inside].any()
    assert np.count_nonzero(found) == round(0.25 * np.count_nonzero(inside))


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_a_pattern(kind):
    np.testing.assert_array_equal(pattern(kind, seed=5), pattern(kind, seed=5))
    assert np.any(pattern(kind, seed=5) != pattern(kind, seed=6))
    assert np.any(pattern(kind, seed=(5, 0)) != pattern(kind, seed=(5, 1)))


def fields(mesh, count, **lengths):
    random = np.random.default_rng(1)
    return np.array([gaussian_field(mesh, random, **lengths) for _ in range(count)])


def correlation(a, b):
    """Of two sets of samples of mean zero."""
    return np.mean(a * b) / np.sqrt(np.mean(a**2) * np.mean(b**2))


def test_correlation_falls_as_that_of_a_matern_field():
    """rho(r) = x K1(x), x = r sqrt(8) / length, in two dimensions."""
    u = fields(SHEET, 150, length=2.0, width=2.0).reshape(150, 41, 41)
    for steps in (2, 4, 8):  # 0.5, 1 and 2 mm
        x = 0.25 * steps * np.sqrt(8.0) / 2.0
        inner = u[:, 12:29, 8:17], u[:, 12:29, 8 + steps : 17 + steps]
        # 0.05: 150 fields, each with few independent patches; the mesh makes 0.01.
        assert correlation(*inner) == pytest.approx(x * k1(x), abs=0.05)


def test_correlation_is_longer_along_the_fibres():
    """Both lengths are where the correlation is that of 2 sqrt(2): 0.14."""
    mesh = sheet((20.0, 6.0), 0.25)
    u = fields(mesh, 200, length=4.0, width=1.0, fibres=by_angle(mesh, 0.0))
    u = u.reshape(200, 25, 81)
    along = correlation(u[:, 6:19, 20:40], u[:, 6:19, 36:56])
    across = correlation(u[:, 6:15, 20:60], u[:, 10:19, 20:60])
    # 0.06: the samples; a field without direction has 0.4 or more in one of the two.
    assert along == pytest.approx(0.14, abs=0.06)
    assert across == pytest.approx(0.14, abs=0.06)


@pytest.mark.parametrize(
    "mesh", [SHEET, slab((3.0, 3.0, 3.0), 0.25), cable(20.0, 0.25)]
)
def test_the_field_is_as_strong_at_the_boundary_as_inside(mesh):
    count = {1: 300, 2: 100, 3: 60}[mesh.dimension]
    strength = np.sqrt(np.mean(fields(mesh, count, length=1.0, width=1.0) ** 2, axis=0))
    size = np.array(mesh.grid.size)
    x = mesh.points[:, : mesh.dimension]
    from_ends = np.minimum(x, size - x)
    inside = (from_ends > 0.9).all(axis=1)
    # On one face, far from edges: without the correction it is sqrt(2) = 1.41.
    on_face = (from_ends[:, 0] == 0.0) & (from_ends[:, 1:] > 0.9).all(axis=1)
    # 0.12: the samples of the few nodes at the ends of the cable.
    assert strength[on_face].mean() / strength[inside].mean() == pytest.approx(
        1, abs=0.12
    )


def test_diffuse_elements_are_independent_of_their_neighbours():
    found = pattern("diffuse", 0.5).reshape(40, 40) - 0.5
    # Standard error of 1560 pairs: 0.025.
    assert abs(correlation(found[:, 1:], found[:, :-1])) < 0.1


def test_interstitial_fibrosis_is_long_along_the_fibres():
    mesh = SHEET
    for angle, axis in ((0.0, 1), (90.0, 0)):
        found = fibrotic_elements(
            mesh,
            "interstitial",
            0.3,
            2,
            fibres=by_angle(mesh, angle),
            length=3,
            width=0.5,
        ).reshape(40, 40)
        changes = [np.count_nonzero(np.diff(found, axis=a)) for a in (0, 1)]
        # Septa six times as long as wide end far less often than they are crossed.
        assert changes[axis] < 0.5 * changes[1 - axis]


def test_a_direction_needs_fibres():
    with pytest.raises(
        ValueError, match="lies along the fibres, and the tissue has none"
    ):
        fibrotic_elements(SHEET, "interstitial", 0.3, 1, length=3.0, width=0.5)
    assert fibrotic_elements(SHEET, "patchy", 0.3, 1, length=3.0, width=3.0).any()


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_a_fraction_is_between_nothing_and_all(fraction):
    with pytest.raises(ValueError, match="expected 0 to 1"):
        fibrotic_elements(SHEET, "diffuse", fraction, 1)


def test_a_node_is_fibrotic_with_half_of_what_surrounds_it():
    mesh = sheet((2.0, 1.0), 1.0)  # two squares
    found = pattern_of(mesh, np.array([True, False]))
    np.testing.assert_array_equal(found.node_share, [1, 0.5, 0, 1, 0.5, 0])
    np.testing.assert_array_equal(found.nodes, [1, 1, 0, 1, 1, 0])
    assert found.share == 0.5


def test_large_elements_count_more_at_a_node():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [4, 0, 0]])
    mesh = Mesh("mesh", points, (ElementBlock("line", np.array([[0, 1], [1, 2]])),))
    found = pattern_of(mesh, np.array([True, False]))
    np.testing.assert_allclose(found.node_share, [1.0, 0.25, 0.0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mesh", [SHEET, slab((3.0, 3.0, 1.0), 0.25)])
def test_grids_with_holes_have_patterns_too(kind, mesh):
    away = np.linalg.norm(mesh.centroids[:, :2] - 1.5, axis=1)
    holed = with_holes(mesh, away < 1.0)
    assert holed.grid.grid_nodes is not None  # nodes are missing, not only elements
    found = pattern(kind, 0.3, mesh=holed)
    assert np.count_nonzero(found) == round(0.3 * holed.n_elements)


def test_lines_and_tetrahedra_share_a_node_by_their_volumes():
    """A fibrotic line of 0.5 mm and 0.01 mm2 at the corner of a cube of tissue."""
    wall = simplices_of(slab((0.5, 0.5, 0.5), 0.5))
    points = np.vstack([wall.points, [1.0, 0.5, 0.5]])
    line = ElementBlock("line", np.array([[7, 8]]))
    mesh = Mesh("mesh", points, (*wall.blocks, line), cross_section=0.01)
    elements = np.arange(mesh.n_elements) == mesh.n_elements - 1
    at_corner = np.count_nonzero((wall.blocks[0].nodes == 7).any(axis=1))
    of_wall = at_corner * 0.125 / 6
    share = pattern_of(mesh, elements).node_share[7]
    assert share == pytest.approx(0.005 / (0.005 + of_wall), rel=1e-12)
