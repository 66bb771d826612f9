from dataclasses import replace

import numpy as np
import pytest

from cardiosim.case.read import CaseError, read_case
from cardiosim.case.tissue import build_tissue
from cardiosim.tissue.mesh import ElementBlock, Mesh, cable, sheet, slab, with_holes

CASE = """
seed = 7
[mesh]
kind = "cable"
length = 2.0
dx = 0.5
[cell]
model = "skibsbye2016"
[time]
dt = 0.1
end = 1.0
"""
SHEET = sheet((4.0, 2.0), 0.5)
SLAB = slab((2.0, 2.0, 2.0), 0.5)


@pytest.fixture
def build(tmp_path):
    """Make the tissue of a [tissue] table on a mesh."""

    def make(tissue, mesh=SHEET):
        file = tmp_path / "case.toml"
        file.write_text(CASE + "[tissue]\n" + tissue)
        return build_tissue(read_case(file), mesh)

    return make


def test_D_alone_is_isotropic_and_one_row(build):
    tissue = build("D = 0.1")
    assert tissue.tensors.shape == (SHEET.n_elements, 6)
    assert tissue.tensors.strides[0] == 0
    np.testing.assert_array_equal(tissue.tensors[0], [0.1, 0.1, 0.1, 0, 0, 0])
    assert tissue.fibres is None and tissue.fibrosis is None and tissue.warnings == ()


def test_niederer_2011_comes_out(build):
    tissue = build(
        "sigma_il = 0.17\nsigma_it = 0.019\nsigma_el = 0.62\nsigma_et = 0.24\n"
        "fibres.angle = 0",
        SLAB,
    )
    # The published values have seven digits.
    expected = [0.0952984, 0.0125758, 0.0125758, 0, 0, 0]
    np.testing.assert_allclose(tissue.tensors[0], expected, atol=5e-8)


def test_units_are_converted(build):
    tissue = build(
        'sigma_l = "0.21 S/m"\nsigma_t = "0.42 mS/cm"\nchi = "1400 1/cm"\n'
        'C_m = "1 uF/cm2"\nfibres.angle = "0.5 rad"'
    )
    along, across = 0.21 / 1.4, 0.042 / 1.4
    f = np.array([np.cos(0.5), np.sin(0.5)])
    assert tissue.tensors[0, 0] == pytest.approx(across + (along - across) * f[0] ** 2)
    assert tissue.tensors[0, 3] == pytest.approx((along - across) * f[0] * f[1])


def test_a_cable_knows_no_across(build):
    tissue = build("D_l = 0.1", cable(2.0, 0.5))
    assert tissue.tensors[0, 0] == 0.1
    with pytest.raises(
        CaseError, match="D_l came without D_t, which a mesh of dimension 2"
    ):
        build("D_l = 0.1")
    pairs = "sigma_il = 0.1\nsigma_el = 0.1"
    with pytest.raises(CaseError, match="without sigma_it and sigma_et"):
        build(pairs)


@pytest.mark.parametrize(
    ("tissue", "says"),
    [
        ("", "give either D .*neither came"),
        ("D = 0.1\nD_l = 0.1", "give either D .*D, D_l came"),
        ("D = 0", "does not conduct at all"),
        ("D_l = -1", "expected a number not below 0"),
        ("D_l = 0.1\nchi = 140", "chi and C_m belong to sigma_l"),
        ("sigma_il = 0.1", "sigma_el missing beside sigma_il"),
        ("sigma_t = 0.1", "sigma_l missing beside sigma_t"),
        ("D_l = 0.1\nD_n = 0.1", "D_n came without D_t"),
        ("D_x = 1", "no key 'D_x'"),
        (
            "D = 1\nfibres = {angle = 0, direction = [1,0,0]}",
            "direction and angle came",
        ),
        ("D = 1\nfibres = {angle = [0, 1, 2]}", "angle: 3 numbers came"),
        ("D = 1\nfibres = {direction = [0, 0, 0]}", "points nowhere"),
        ('D = 1\nfibres = {rule = "transmural"}', "needs angle and end and start"),
        ('D = 1\nfibres = {angle = 0, start = "all"}', "a rule alone has start"),
        (
            'D = 1\nfibres = {rule = "left_atrium", axis = [1,0,0]}',
            '"left_atrium" has no axis',
        ),
        ('D = 1\n[[tissue.region]]\nwhere = "all"', "nothing to change"),
        (
            'D = 1\n[[tissue.fibrosis]]\nkind="diffuse"\nfraction=0.1\nlength=1',
            '"diffuse" has no length',
        ),
        ('D = 1\n[[tissue.fibrosis]]\nkind="patchy"\nfraction=2', "not above 1"),
    ],
)
def test_mistakes_are_named(tissue, says, build):
    with pytest.raises(CaseError, match=says):
        build(tissue)


def test_anisotropy_needs_fibres(build):
    with pytest.raises(CaseError, match="there are no fibres; give .tissue.fibres."):
        build("D_l = 0.1\nD_t = 0.02")
    assert build("D_l = 0.1\nD_t = 0.1").fibres is None


def test_fibres_that_leave_the_sheet_are_no_lack_of_fibres(build):
    text = "D_l = 0.1\nD_t = 0.02\nfibres.direction = [0, 0, 1]"
    with pytest.raises(CaseError, match="the fibres stand normal to the sheet"):
        build(text)
    np.testing.assert_allclose(build(text, SLAB).tensors[0, :3], [0.02, 0.02, 0.1])


def test_a_rule_goes_round_a_hole(build):
    whole = slab((2.0, 2.0, 1.0), 0.25)
    inside = np.linalg.norm(whole.centroids[:, :2] - 1.0, axis=1) < 0.5
    holed = with_holes(whole, inside)
    text = 'D_l=1\nD_t=0.1\n[tissue.fibres]\nrule="transmural"\nangle=[0, 80]\n'
    ruled = build(text + 'start="z == 0"\nend="z == 1"', holed)
    turned = build("D_l = 1\nD_t = 0.1\nfibres.angle = [0, 80]", holed)
    # 1e-7: the solution is iterated to a residual of 1e-10.
    np.testing.assert_allclose(ruled.tensors, turned.tensors, atol=1e-7)


def test_the_fibres_of_the_mesh_are_taken_where_the_case_has_none(build):
    fibres = np.tile([0.0, 1.0, 0.0], (SHEET.n_elements, 1))
    mesh = replace(SHEET, fibres=fibres)
    text = "D_l = 0.1\nD_t = 0.02"
    np.testing.assert_allclose(build(text, mesh).tensors[0, :2], [0.02, 0.1])
    other = build(text + "\nfibres.angle = 0", mesh)
    np.testing.assert_allclose(other.tensors[0, :2], [0.1, 0.02])


def test_elements_without_fibre_are_told(build):
    fibres = np.tile([1.0, 0.0, 0.0], (SHEET.n_elements, 1))
    fibres[:3] = 0.0
    tissue = build("D_l = 0.1\nD_t = 0.02", replace(SHEET, fibres=fibres))
    np.testing.assert_allclose(tissue.tensors[0, :2], [0.02, 0.02])
    assert "3 of 32 elements have no fibre" in tissue.warnings[0]


def test_a_bundle_needs_no_fibre_but_a_wall_does(build):
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 2, 0]])
    blocks = (
        ElementBlock("triangle", np.array([[0, 1, 2]])),
        ElementBlock("line", np.array([[1, 3]])),
    )
    mesh = Mesh("mesh", points, blocks)
    with pytest.raises(CaseError, match="there are no fibres"):
        build("D_l = 0.1\nD_t = 0.02", mesh)
    tissue = build("D_l = 0.1\nD_t = 0.02\nfibres.angle = 90", mesh)
    np.testing.assert_allclose(tissue.fibres[0], [0, 1, 0], atol=1e-15)
    np.testing.assert_allclose(tissue.fibres[1], np.array([1, 2, 0]) / 5**0.5)


def test_angles_turn_through_a_slab(build):
    tissue = build("D_l = 0.1\nD_t = 0.02\nfibres.angle = [0, 80]", SLAB)
    bottom, top = tissue.fibres[0], tissue.fibres[-1]
    # Centres of the outer layers lie an eighth of the thickness inside.
    np.testing.assert_allclose(np.degrees(np.arctan2(bottom[1], bottom[0])), 10.0)
    np.testing.assert_allclose(np.degrees(np.arctan2(top[1], top[0])), 70.0)


def test_a_rule_takes_regions_or_sets_of_nodes(build):
    mesh = replace(SLAB, node_sets={"epi": np.flatnonzero(SLAB.points[:, 2] == 2.0)})
    text = 'D_l=1\nD_t=0.1\n[tissue.fibres]\nrule="transmural"\nangle=[0, 80]\n'
    ruled = build(text + 'start="z == 0"\nend="epi"', mesh)
    turned = build("D_l = 1\nD_t = 0.1\nfibres.angle = [0, 80]", mesh)
    # 1e-7: the solution is iterated to a residual of 1e-10.
    np.testing.assert_allclose(ruled.tensors, turned.tensors, atol=1e-7)
    with pytest.raises(CaseError, match='fibres.end: "z == 9" reaches no node'):
        build(text + 'start="z == 0"\nend="z == 9"', mesh)


def test_fibres_come_from_a_file(build, tmp_path):
    path = tmp_path / "fibres.npy"
    np.save(path, np.tile([0, 2.0, 0], (SHEET.n_elements, 1)))
    text = f'D_l = 0.1\nD_t = 0.02\nfibres.file = "{path}"'
    np.testing.assert_allclose(build(text).tensors[5, :2], [0.02, 0.1])
    with pytest.raises(CaseError, match="tissue.fibres: .* for each of 64 elements"):
        build(text, SLAB)


def test_a_third_conductivity_needs_sheets(build):
    text = "D_l = 0.3\nD_t = 0.1\nD_n = 0.02\n"
    with pytest.raises(CaseError, match="D_n .* there are no sheets"):
        build(text + "fibres.angle = 0", SLAB)
    tissue = build(text + "fibres = {angle = 0, sheet = [1, 0, 2]}", SLAB)
    np.testing.assert_allclose(tissue.tensors[0], [0.3, 0.02, 0.1, 0, 0, 0], atol=1e-15)
    with pytest.raises(CaseError, match="no element has a sheet across its fibre"):
        build(text + "fibres = {angle = 0, sheet = [2, 0, 0]}", SLAB)
    fibres = np.tile([1.0, 0, 0], (SLAB.n_elements, 1))
    sheets = np.tile([0.0, 1, 0], (SLAB.n_elements, 1))
    sheets[:3] = fibres[:3]
    in_part = build(text, replace(SLAB, fibres=fibres, sheets=sheets))
    assert "3 of 64 elements have no sheet across" in in_part.warnings[-1]
    on_sheet = build(text + "fibres.angle = 0")
    assert "no effect on a mesh of dimension 2" in on_sheet.warnings[0]
    np.testing.assert_allclose(on_sheet.tensors[0, :2], [0.3, 0.1])


REGIONS = """D_l = 0.1
D_t = 0.02
fibres.angle = 0
[[tissue.region]]
where = "x < 2"
D_t = 0.05
[[tissue.region]]
where = "x < 1"
scale = 0
[[tissue.region]]
where = "x > 3"
sigma_l = 0.28
sigma_t = 0.14
"""


def test_regions_change_ratio_scale_and_way_of_saying(build):
    tensors = build(REGIONS).tensors
    x = SHEET.centroids[:, 0]
    for inside, along, across in (
        (x < 1, 0.0, 0.0),
        ((x > 1) & (x < 2), 0.1, 0.05),
        ((x > 2) & (x < 3), 0.1, 0.02),
        (x > 3, 0.2, 0.1),
    ):
        expected = np.tile([along, across], (np.count_nonzero(inside), 1))
        np.testing.assert_allclose(tensors[inside, :2], expected, atol=1e-15)


def test_the_later_region_wins(build):
    again = '[[tissue.region]]\nwhere = "all"\nD_l = 0.3\nD_t = 0.3\n'
    np.testing.assert_allclose(build(REGIONS + again).tensors[:, :3], 0.3)
    scaled = '[[tissue.region]]\nwhere = "all"\nscale = 0.5\n'
    tensors = build(REGIONS + scaled).tensors
    np.testing.assert_allclose(tensors, 0.5 * build(REGIONS).tensors, rtol=1e-14)


@pytest.mark.parametrize(
    ("region", "says"),
    [
        ('where = "x > 9"\nscale = 0', "tissue.region.0.where: .* no element"),
        ('where = "x >"\nscale = 0', "tissue.region.0.where: region"),
        ('where = "all"\nD_t = 0.1', "tissue.region.0: D_l missing beside D_t"),
        ('where = "all"\nchi = 100', "tissue.region.0: chi and C_m belong to sigma_l"),
    ],
)
def test_a_region_that_cannot_be_is_named(region, says, build):
    with pytest.raises(CaseError, match=says):
        build("D = 0.1\n[[tissue.region]]\n" + region)


@pytest.mark.parametrize("per", ["node", "element"])
def test_a_field_multiplies(per, build, tmp_path):
    x = (SHEET.points if per == "node" else SHEET.centroids)[:, 0]
    np.savetxt(tmp_path / "f.csv", x)
    tissue = build(f'D = 0.1\n[[tissue.field]]\nfile = "{tmp_path / "f.csv"}"')
    # A linear field has its value at the centre as its mean over the corners.
    np.testing.assert_allclose(tissue.tensors[:, 0], 0.1 * SHEET.centroids[:, 0])


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.ones(7), r"shape .7,., expected 45 .one a node. or 32 .one an element."),
        (-np.ones(32), "goes down to -1"),
        (np.ones((32, 2)), "shape .32, 2."),
    ],
)
def test_a_wrong_field_is_told(values, says, build, tmp_path):
    np.save(tmp_path / "f.npy", values)
    with pytest.raises(CaseError, match=f"tissue.field.0: .*{says}"):
        build(f'D = 0.1\n[[tissue.field]]\nfile = "{tmp_path / "f.npy"}"')


DIFFUSE = 'D = 0.1\n[[tissue.fibrosis]]\nkind = "diffuse"\nfraction = 0.25\n'


def test_fibrosis_takes_away_conductivity(build):
    tissue = build(DIFFUSE + 'where = "x < 2"')
    fibrotic = tissue.fibrotic_elements
    assert np.count_nonzero(fibrotic) == 4  # of 16
    assert not fibrotic[SHEET.centroids[:, 0] > 2].any()
    np.testing.assert_array_equal(tissue.tensors[:, 0], np.where(fibrotic, 0.0, 0.1))
    assert tissue.fibrosis.node_share.shape == (SHEET.n_nodes,)


def test_the_seed_of_the_case_is_that_of_its_fibrosis(build):
    first, again = build(DIFFUSE), build(DIFFUSE)
    np.testing.assert_array_equal(first.fibrotic_elements, again.fibrotic_elements)
    own = build(DIFFUSE + "seed = 8")
    assert np.any(own.fibrotic_elements != first.fibrotic_elements)
    two = build(DIFFUSE + DIFFUSE.removeprefix("D = 0.1\n"))
    assert np.count_nonzero(two.fibrotic_elements) > 8  # the second differs


def test_fibrosis_can_have_conductivities_of_its_own(build):
    text = "D_l = 0.1\nD_t = 0.02\nfibres.angle = 0\n" + DIFFUSE[8:] + "scale = 1\n"
    tissue = build(text + '[[tissue.region]]\nwhere = "fibrosis"\nD_t = 0.001')
    across = np.where(tissue.fibrotic_elements, 0.001, 0.02)
    np.testing.assert_allclose(tissue.tensors[:, 1], across)


def test_what_cannot_be_resolved_is_told(build):
    tissue = build(
        "D = 0.1\nfibres.angle = 0\n"
        '[[tissue.fibrosis]]\nkind = "interstitial"\nfraction = 0.01\nwidth = 0.1'
    )
    assert "less than one" in tissue.warnings[0]
    assert "width of 0.1 mm is below the size of the elements" in tissue.warnings[1]
    with pytest.raises(CaseError, match="fibrosis.0: .*the tissue has none"):
        build('D = 0.1\n[[tissue.fibrosis]]\nkind = "interstitial"\nfraction = 0.1')


def test_all_that_was_filled_in_is_read_again(tmp_path):
    """What resolved.toml holds is the same tissue."""
    text = REGIONS + DIFFUSE.removeprefix("D = 0.1\n")
    (tmp_path / "case.toml").write_text(CASE + "[tissue]\n" + text)
    table = read_case(tmp_path).tissue
    said = table.model_dump(exclude_none=True)
    assert said["fibrosis"][0]["scale"] == 0.0 and said["region"][2]["sigma_t"] == 0.14
    assert type(table).model_validate(said) == table
