import numpy as np
import pytest

from cardiosim.tissue.conductivity import (
    conductivity_tensors,
    diffusivity,
    diffusivity_along,
    element_means,
    monodomain_conductivity,
)
from cardiosim.tissue.fibres import CHUNK, by_angle, fit_sheets, normalised
from cardiosim.tissue.mesh import sheet
from cardiosim.tissue.symmetric_tensors import COMPONENTS


def matrices(tensors):
    """Full tensors, shape (n, 3, 3)."""
    full = np.empty((len(tensors), 3, 3))
    for column, (a, b) in enumerate(COMPONENTS):
        i, j = "xyz".index(a), "xyz".index(b)
        full[:, i, j] = full[:, j, i] = tensors[:, column]
    return full


@pytest.fixture
def frames():
    """Random fibres and sheets perpendicular to them."""
    random = np.random.default_rng(3)
    fibres = normalised(random.standard_normal((50, 3)))
    return fibres, fit_sheets(normalised(random.standard_normal((50, 3))), fibres)


def test_fibre_sheet_and_normal_are_the_axes_of_the_tensor(frames):
    fibres, sheets = frames
    D = matrices(conductivity_tensors(50, 0.3, 0.1, 0.02, fibres, sheets))
    axes = {0.3: fibres, 0.1: sheets, 0.02: np.cross(fibres, sheets)}
    for value, axis in axes.items():
        # Rounding of a few products of numbers below 1.
        np.testing.assert_allclose(
            np.einsum("nij,nj->ni", D, axis), value * axis, atol=1e-15
        )


def test_trace_and_determinant_do_not_turn(frames):
    fibres, sheets = frames
    D = matrices(conductivity_tensors(50, 0.3, 0.1, 0.02, fibres, sheets))
    np.testing.assert_allclose(np.trace(D, axis1=1, axis2=2), 0.42, rtol=1e-14)
    np.testing.assert_allclose(np.linalg.det(D), 0.3 * 0.1 * 0.02, rtol=1e-12)


def test_without_sheets_the_tensor_is_round_about_the_fibre(frames):
    fibres, _ = frames
    D = matrices(conductivity_tensors(50, 0.3, 0.1, fibres=fibres))
    values = np.linalg.eigvalsh(D)
    np.testing.assert_allclose(values, np.tile([0.1, 0.1, 0.3], (50, 1)), rtol=1e-13)


def test_an_element_without_a_fibre_conducts_alike_as_across():
    fibres = np.array([[1.0, 0, 0], [0, 0, 0]])
    tensors = conductivity_tensors(2, 0.3, 0.1, 0.02, fibres, np.zeros((2, 3)))
    np.testing.assert_allclose(tensors[0], [0.3, 0.1, 0.1, 0, 0, 0], atol=1e-16)
    np.testing.assert_array_equal(tensors[1], [0.1, 0.1, 0.1, 0, 0, 0])


def test_uniform_tissue_is_one_row():
    fibres = by_angle(sheet((1.0, 1.0), 0.5), 90.0)
    tensors = conductivity_tensors(4, 0.3, 0.1, fibres=fibres)
    assert tensors.shape == (4, 6) and tensors.strides[0] == 0
    np.testing.assert_allclose(tensors[3], [0.1, 0.3, 0.1, 0, 0, 0], atol=1e-16)
    isotropic = conductivity_tensors(4, 0.3, 0.3, fibres=np.eye(3)[[0, 1, 2, 0]])
    assert isotropic.strides[0] == 0


def test_values_differ_by_element_beyond_one_chunk():
    n = CHUNK + 5
    along = np.linspace(0.1, 0.2, n)
    fibres = np.broadcast_to([1.0, 0, 0], (n, 3))
    tensors = conductivity_tensors(n, along, 0.05, fibres=fibres)
    np.testing.assert_allclose(tensors[:, 0], along, rtol=1e-14)
    assert np.all(tensors[:, 1:3] == 0.05) and not tensors[:, 3:].any()


@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf, np.array([0.1, -0.1])])
def test_a_diffusivity_is_finite_and_not_negative(bad):
    with pytest.raises(ValueError, match="D_t from .* finite and not negative"):
        conductivity_tensors(2, 0.1, bad)


def test_a_diffusivity_has_one_number_an_element():
    with pytest.raises(ValueError, match="one for each of 2 elements"):
        conductivity_tensors(2, np.ones(3), 0.1)


def test_niederer_2011_comes_out():
    """Slab benchmark: the paper's conductivities in S/m, chi 1400/cm, C_m 1 uF/cm2."""
    along = monodomain_conductivity(0.17, 0.62)
    across = monodomain_conductivity(0.019, 0.24)
    # The published monodomain values have seven digits.
    assert along == pytest.approx(0.1334177, abs=5e-8)
    assert across == pytest.approx(0.0176062, abs=5e-8)
    assert diffusivity(along, 140.0, 0.01) == pytest.approx(0.0952984, abs=5e-8)
    assert diffusivity(across, 140.0, 0.01) == pytest.approx(0.0125758, abs=5e-8)


def test_no_space_conducts_alone():
    assert monodomain_conductivity(0.0, 0.0) == monodomain_conductivity(0.3, 0.0) == 0.0


def test_element_means_of_a_linear_quantity_are_its_values_at_the_centres():
    mesh = sheet((2.0, 1.0), 0.5)
    means = element_means(mesh, mesh.points @ [1.0, 2.0, 0.0])
    np.testing.assert_allclose(means, mesh.centroids @ [1.0, 2.0, 0.0], rtol=1e-14)


def test_diffusivity_along_the_fibres_is_the_first_eigenvalue(frames):
    fibres, sheets = frames
    fibres, sheets = fibres.copy(), sheets.copy()
    fibres[7] = sheets[7] = 0.0
    along = np.linspace(0.2, 0.4, 50)
    tensors = conductivity_tensors(50, along, 0.1, 0.02, fibres, sheets)
    expected = np.where(np.arange(50) == 7, 0.1, along)
    found = diffusivity_along(tensors, fibres)
    np.testing.assert_allclose(found, expected, rtol=1e-6)  # float32
    np.testing.assert_allclose(
        diffusivity_along(conductivity_tensors(50, 0.3, 0.3)), 0.3, rtol=1e-6
    )


def test_diffusivity_of_uniform_tissue_takes_no_memory():
    n = 3 * CHUNK
    fibres = np.broadcast_to(by_angle(sheet((1.0, 1.0), 1.0), 0.7)[0], (n, 3))
    found = diffusivity_along(conductivity_tensors(n, 0.3, 0.1, fibres=fibres), fibres)
    assert found.shape == (n,) and found.strides == (0,)
    assert found[0] == pytest.approx(0.3, rel=1e-6)
    many = conductivity_tensors(n, np.full(n, 0.3), 0.1, fibres=fibres)
    np.testing.assert_allclose(diffusivity_along(many, fibres), 0.3, rtol=1e-6)


@pytest.mark.parametrize("length", [0.5, 0.999, 2.0])
def test_fibres_and_sheets_that_are_no_unit_vectors_are_refused(length):
    """Among others that are, and some that are missing."""
    good = np.array([[1.0, 0, 0], [0, 0, 0], [0, 1, 0]])
    sheets = np.array([[0, 1.0, 0], [0, 0, 1], [0, 0, 1]])
    conductivity_tensors(3, 0.3, 0.1, 0.05, good, sheets)
    with pytest.raises(ValueError, match=f"fibre of element 2 has length {length:g};"):
        conductivity_tensors(3, 0.3, 0.1, fibres=good * [[1], [1], [length]])
    with pytest.raises(ValueError, match="sheet vector of element 0 has length"):
        conductivity_tensors(3, 0.3, 0.1, 0.05, good, sheets * [[length], [1], [1]])
