"""The tissue of a case: fibres, conductivity tensors and fibrosis of every element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cardiosim.case.mesh_fields import read_field
from cardiosim.case.read import CaseError
from cardiosim.case.schema import Case
from cardiosim.case.tissue_fibres import Directions, build_fibres, errors_named
from cardiosim.case.tissue_tables import (
    ConductivityFieldTable,
    Diffusivities,
    RegionConductivityTable,
    TissueTable,
)
from cardiosim.tissue.conductivity import conductivity_tensors, element_means
from cardiosim.tissue.fibrosis import FibrosisPattern, fibrotic_elements, pattern_of
from cardiosim.tissue.finite_element import element_sizes
from cardiosim.tissue.mesh import Mesh
from cardiosim.tissue.regions import select_elements

Vectors = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tissue:
    """What the elements of a mesh are made of.

    Attributes:
        tensors: diffusivity, mm2/ms, shape (n_elements, 6): xx, yy, zz, xy, xz, yz.
            A view of one row where all are the same: not to be written to.
        fibres: as used, unit vectors or zeros, shape (n_elements, 3); None without.
        sheets: likewise, perpendicular to the fibres.
        fibrosis: elements and nodes that are fibrotic; None without.
        warnings: lines for the user.
    """

    tensors: NDArray[np.float64]
    fibres: Vectors | None
    sheets: Vectors | None
    fibrosis: FibrosisPattern | None
    warnings: tuple[str, ...] = ()

    @property
    def fibrotic_elements(self) -> NDArray[np.bool_] | None:
        """Shape (n_elements,); None without fibrosis."""
        return None if self.fibrosis is None else self.fibrosis.elements


def build_tissue(
    case: Case, mesh: Mesh, say: Callable[[str], None] = lambda phase: None
) -> Tissue:
    """Make the tissue of a case that has one.

    Regions of conductivity come first, in their order, then fields, then fibrosis,
    each multiplying what there is.

    Args:
        case: as read.
        mesh: of the case.
        say: called with the name of each phase as it begins.

    Raises:
        CaseError: the tables do not fit the mesh, or each other.
    """
    table, warnings = case.tissue, []
    say("laying the fibres")
    directions = build_fibres(table, mesh, warnings)
    fibres = directions.fibres
    if table.fibrosis:
        say("growing fibrosis")
    masks = _fibrosis(case, mesh, fibres, warnings)
    fibrotic = np.any(masks, axis=0) if masks else None
    mesh = replace(mesh, fibrotic=fibrotic)
    D = _base(table, mesh)
    for index, region in enumerate(table.region or ()):
        _set_region(D, table, index, region, mesh)
    for index, entry in enumerate(table.field or ()):
        D.scale(_multipliers(entry, mesh, f"tissue.field.{index}"))
    for entry, mask in zip(table.fibrosis or (), masks, strict=True):
        D.scale(np.where(mask, entry.scale, 1.0))
    sheets = _checked(D, mesh, directions, warnings)
    return Tissue(
        conductivity_tensors(
            mesh.n_elements, D.along, D.across, D.normal, fibres, sheets
        ),
        fibres,
        sheets,
        None if fibrotic is None else pattern_of(mesh, fibrotic),
        tuple(warnings),
    )


@dataclass
class _ElementDiffusivities:
    """D of the elements, mm2/ms: numbers, until some elements differ from others."""

    n_elements: int
    along: float | NDArray[np.float64]
    across: float | NDArray[np.float64]
    normal: float | NDArray[np.float64] | None

    def set(self, mask: NDArray[np.bool_], D: Diffusivities) -> None:
        """Put other values into some elements."""
        if D.normal is not None and self.normal is None:
            self.normal = self.across
        self._spread()
        self.along[mask], self.across[mask] = D.along, D.across
        if self.normal is not None:
            self.normal[mask] = D.across if D.normal is None else D.normal

    def scale(self, factor: NDArray[np.float64]) -> None:
        """Multiply all values by one number an element, shape (n_elements,)."""
        self._spread()
        self.along *= factor
        self.across *= factor
        if self.normal is not None:
            self.normal *= factor

    def _spread(self) -> None:
        for name in ("along", "across", "normal"):
            value = getattr(self, name)
            if value is not None and np.ndim(value) == 0:
                setattr(self, name, np.full(self.n_elements, value))
            elif name == "normal" and value is self.across:
                self.normal = value.copy()


def _base(table: TissueTable, mesh: Mesh) -> _ElementDiffusivities:
    D = _complete(table.diffusivities, mesh, "tissue", table.families[0])
    return _ElementDiffusivities(mesh.n_elements, D.along, D.across, D.normal)


def _complete(D: Diffusivities, mesh: Mesh, key: str, family: str) -> Diffusivities:
    """D across the fibres may be left out where there is no across."""
    if D.across is not None:
        return D
    if all(block.dimension == 1 for block in mesh.blocks):
        return Diffusivities(D.along, D.along, None)
    across = {"sigma_il": "sigma_it and sigma_et"}.get(family, f"{family[:-1]}t")
    raise CaseError(
        f"{key}: {family} came without {across}, which a mesh of dimension "
        f"{mesh.dimension} needs; give it too (the same value conducts alike in all "
        "directions)"
    )


def _set_region(
    D: _ElementDiffusivities,
    table: TissueTable,
    index: int,
    region: RegionConductivityTable,
    mesh: Mesh,
) -> None:
    key = f"tissue.region.{index}"
    mask = _elements(region.where, mesh, key)
    if region.given():
        base, own = table.given(), region.given()
        if not region.families or region.families == table.families:
            keys = base | own
        else:  # said in another way: only the membrane is still that of the tissue
            keys = {k: base[k] for k in ("chi", "C_m") if k in base} | own
        if not region.families and "chi" not in base:
            raise CaseError(
                f"{key}: chi and C_m belong to sigma_l, and [tissue] gives "
                f"{table.families[0]}; remove them"
            )
        try:
            found = Diffusivities.of(keys)
        except ValueError as error:
            raise CaseError(
                f"{key}: {error}; give all, or only keys that [tissue] has"
            ) from None
        family = (region.families or table.families)[0]
        D.set(mask, _complete(found, mesh, key, family))
    if region.scale is not None:
        D.scale(np.where(mask, region.scale, 1.0))


def _multipliers(
    entry: ConductivityFieldTable, mesh: Mesh, key: str
) -> NDArray[np.float64]:
    """The multiplier of each element, from a file over nodes or elements."""
    per, values = read_field(entry.file, "field", entry.per, mesh, key)
    if values.min() < 0.0:
        raise CaseError(
            f"{key}: {entry.file} goes down to {values.min():g}; it multiplies the "
            "conductivity, so give numbers of zero and more"
        )
    return values if per == "element" else element_means(mesh, values)


def _fibrosis(
    case: Case, mesh: Mesh, fibres: Vectors | None, warnings: list[str]
) -> list[NDArray[np.bool_]]:
    """Fibrotic elements of each pattern."""
    masks = []
    for index, entry in enumerate(case.tissue.fibrosis or ()):
        key = f"tissue.fibrosis.{index}"
        inside = _elements(entry.where, mesh, key)
        with errors_named(key):
            mask = fibrotic_elements(
                mesh,
                entry.kind,
                entry.fraction,
                # Patterns of one kind differ, unless somebody gives them one seed.
                (case.seed, index) if entry.seed is None else entry.seed,
                inside=inside,
                fibres=fibres,
                length=entry.length,
                width=entry.width,
            )
        masks.append(mask)
        if entry.fraction and not mask.any():
            warnings.append(
                f"{key}: {entry.fraction:g} of the {np.count_nonzero(inside)} elements "
                f'in "{entry.where}" is less than one'
            )
        if entry.width is not None and min(entry.width, entry.length) < _spacing(mesh):
            warnings.append(
                f"{key}: a width of {min(entry.width, entry.length):g} mm is below the "
                f"size of the elements, about {_spacing(mesh):.2g} mm, and so becomes "
                "that of one element"
            )
    return masks


def _spacing(mesh: Mesh) -> float:
    """Typical size of an element, mm."""
    if mesh.grid is not None:
        return max(mesh.grid.spacing)
    largest = [block.dimension == mesh.dimension for block in mesh.blocks]
    parts = [part for part, is_it in zip(mesh.slices(), largest, strict=True) if is_it]
    # A triangle of edge h covers about h^2 / 2, a tetrahedron fills about h^3 / 8.
    factor = {1: 1.0, 2: 2.0, 3: 8.0}[mesh.dimension]
    size = float(np.median(element_sizes(mesh)[parts[0]]))
    size /= mesh.across(mesh.dimension)
    return (factor * size) ** (1.0 / mesh.dimension)


def _checked(
    D: _ElementDiffusivities,
    mesh: Mesh,
    directions: Directions,
    warnings: list[str],
) -> Vectors | None:
    """The sheets, once it is sure that everything anisotropic has its directions."""
    fibres, sheets = directions.fibres, directions.sheets
    if np.any(D.along != D.across):
        if fibres is None or not _has_any_across(fibres, mesh):
            found = (
                "the fibres stand normal to the sheet, so that none lies in it"
                if directions.stand_normal
                else "there are no fibres"
            )
            raise CaseError(
                "tissue: the conductivities along and across the fibres differ, and "
                f"{found}; give [tissue.fibres] with angle, direction, file "
                "or rule, or a mesh that has fibres, or D alone"
            )
        n_missing = mesh.n_elements - int(np.count_nonzero(fibres.any(axis=1)))
        if n_missing:
            warnings.append(
                f"{n_missing} of {mesh.n_elements} elements have no fibre and conduct "
                "alike in all directions, as across the fibres; if they are no tissue, "
                "give them scale = 0 in a [[tissue.region]]"
            )
    if D.normal is None or not np.any(D.normal != D.across):
        D.normal = None
        return sheets
    if mesh.dimension < 3:
        warnings.append(
            "the conductivity along the normal of the sheets has no effect on a mesh "
            f"of dimension {mesh.dimension}"
        )
        D.normal = None
    elif sheets is None:
        raise CaseError(
            "tissue: D_n (or sigma_n) differs from D_t, and there are no sheets; give "
            "tissue.fibres.sheet = [x, y, z], a file or mesh with sheets, or remove it"
        )
    else:
        _check_sheets(D, mesh, sheets, warnings)
    return sheets


def _check_sheets(
    D: _ElementDiffusivities, mesh: Mesh, sheets: Vectors, warnings: list[str]
) -> None:
    """Check that where a normal conducts in its own way there is one."""
    wanted = np.broadcast_to(D.normal != D.across, mesh.n_elements).copy()
    for block, part in zip(mesh.blocks, mesh.slices(), strict=True):
        wanted[part] &= block.dimension == 3
    n_wanted = int(np.count_nonzero(wanted))
    n_missing = int(np.count_nonzero(wanted & ~sheets.any(axis=1)))
    if n_missing == n_wanted:
        raise CaseError(
            "tissue: D_n (or sigma_n) differs from D_t, and no element has a sheet "
            "across its fibre: they are parallel, or missing; give another "
            "tissue.fibres.sheet, or remove it"
        )
    if n_missing:
        warnings.append(
            f"{n_missing} of {n_wanted} elements have no sheet across their fibre, and "
            "conduct along the normal as across the fibre (D_t)"
        )


def _has_any_across(fibres: Vectors, mesh: Mesh) -> bool:
    """Whether elements with a direction across have fibres; of lines they are sure."""
    shapes = [block.dimension for block in mesh.blocks]
    if max(shapes) == 1:
        return True
    parts = zip(shapes, mesh.slices(), strict=True)
    return any(fibres[part].any() for dimension, part in parts if dimension > 1)


def _elements(where: str, mesh: Mesh, key: str) -> NDArray[np.bool_]:
    """Elements of a region that must hold some."""
    with errors_named(f"{key}.where"):
        mask = select_elements(where, mesh)
    if not mask.any():
        raise CaseError(
            f'{key}.where: "{where}" holds the centre of no element; the mesh has '
            f"{mesh.n_elements} elements"
        )
    return mask
