import numpy as np
import pytest

from cardiosim.tissue.element_measures import edge_lengths, signed_measures
from cardiosim.tissue.mesh import ElementBlock, Mesh, cable
from cardiosim.tissue.mesh_quality import repaired
from cardiosim.tissue.refinement import refine

POINTS = np.array(
    [[0, 0, 0], [2, 0, 0], [0, 1.5, 0], [0.2, 0, 1], [1, 1.1, 1], [3, 3, 3]], float
)


def mixed_mesh():
    return Mesh(
        "mesh",
        POINTS,
        (
            ElementBlock("tetra", np.array([[0, 1, 2, 3], [1, 4, 2, 3]])),
            ElementBlock("triangle", np.array([[1, 4, 5]])),
            ElementBlock("line", np.array([[0, 5]])),
        ),
        regions=np.array([1, 2, 3, 4]),
        fibres=np.eye(3)[[0, 1, 2, 0]],
        node_sets={"face": np.array([1, 2, 3]), "edge": np.array([0, 5])},
    )


@pytest.mark.parametrize("times", [1, 2, 3])
def test_refinement_keeps_length_area_and_volume(times):
    mesh = mixed_mesh()
    fine = refine(mesh, times)
    for before, after in zip(mesh.blocks, fine.blocks, strict=True):
        assert len(after) == len(before) * 2 ** (before.dimension * times)
        measure, _ = signed_measures(fine.points, after)
        assert np.all(measure > 0.0)  # no tetrahedron is turned inside out
        whole, _ = signed_measures(mesh.points, before)
        children = measure.reshape(len(before), -1)
        # Each child is an equal part of its parent, up to rounding.
        np.testing.assert_allclose(children.sum(axis=1), whole, rtol=1e-12)
        np.testing.assert_allclose(
            children,
            np.repeat(whole[:, np.newaxis], children.shape[1], 1) / children.shape[1],
            rtol=1e-12,
        )


def test_refinement_halves_edges():
    mesh = mixed_mesh()
    shortest, _, longest = edge_lengths(mesh)
    fine_shortest, _, fine_longest = edge_lengths(refine(mesh))
    assert fine_longest == pytest.approx(longest / 2.0, rel=1e-14)
    # The diagonal inside a tetrahedron may be shorter than its edges' halves.
    assert fine_shortest <= shortest / 2.0 * (1.0 + 1e-14)


def test_neighbours_share_the_new_nodes():
    fine = refine(mixed_mesh(), 2)
    assert len(np.unique(fine.points.round(9), axis=0)) == fine.n_nodes
    again, nodes, elements, findings = repaired(fine, np.arange(fine.n_elements))
    assert [found for found in findings if found.level == "warning"] == []
    assert len(nodes) == fine.n_nodes


def test_tetrahedra_do_not_grow_thin():
    fine = refine(mixed_mesh(), 4)
    _, before = signed_measures(POINTS, mixed_mesh().blocks[0])
    _, after = signed_measures(fine.points, fine.blocks[0])
    # With a fixed number of shapes the worst is bounded; one that thins out at each
    # level would lose this factor at every one of the four.
    assert after.min() > before.min() / 4.0


def test_children_inherit_what_belongs_to_their_element():
    fine = refine(mixed_mesh())
    np.testing.assert_array_equal(fine.regions, np.repeat([1, 2, 3, 4], [8, 8, 4, 2]))
    np.testing.assert_array_equal(fine.fibres[8:16], np.tile([0.0, 1.0, 0.0], (8, 1)))
    assert fine.sheets is None


def test_new_nodes_belong_to_a_set_if_both_ends_do():
    mesh = mixed_mesh()
    fine = refine(mesh)
    np.testing.assert_array_equal(fine.points[: mesh.n_nodes], mesh.points)
    face = fine.points[fine.node_sets["face"]]
    expected = [*POINTS[[1, 2, 3]]]
    expected += [(POINTS[a] + POINTS[b]) / 2.0 for a, b in [(1, 2), (1, 3), (2, 3)]]
    np.testing.assert_array_equal(face, expected)
    assert len(fine.node_sets["edge"]) == 3


def test_no_refinement_returns_the_mesh_and_grids_are_not_refined():
    mesh = mixed_mesh()
    assert refine(mesh, 0) is mesh
    with pytest.raises(ValueError, match="smaller dx"):
        refine(cable(1.0, 0.1))
    with pytest.raises(ValueError, match="-1 times"):
        refine(mesh, -1)
