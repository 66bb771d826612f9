"""The mesh of a run as the arrays that its results folder keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cardiosim.output.mesh_arrays import MeshArrays, RegularGrid, mesh_arrays

if TYPE_CHECKING:
    from cardiosim.tissue.mesh import Mesh


def arrays_of(mesh: Mesh) -> MeshArrays:
    """Nodes, elements, and what these are made of: regions, fibres, fibrosis, D."""
    grid = mesh.grid and RegularGrid(
        mesh.grid.shape, mesh.grid.size, mesh.grid.grid_nodes
    )
    return mesh_arrays(
        mesh.points,
        [(block.shape, block.nodes) for block in mesh.blocks],
        mesh.kind,
        element_data={
            "regions": mesh.element_regions,
            "fibres": mesh.fibres,
            "sheets": mesh.sheets,
            "fibrosis": mesh.fibrotic,
            **mesh.element_fields,
        },
        region_names=mesh.region_names,
        grid=grid,
    )
