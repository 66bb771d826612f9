"""XDMF text: an index that tells ParaView which arrays of HDF5 files are what.

ParaView 5.11 has an XDMF2 and an XDMF3 reader and opens with XDMF3 unless told; what
is written here is what both understand: one dataset an array and step, no slices, no
references from one step to another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from cardiosim.output.hdf5 import open_hdf5
from cardiosim.output.mesh_arrays import FILE, SHAPES, stored_blocks

HEAD = '<?xml version="1.0"?>\n<Xdmf Version="3.0"><Domain>'
TAIL = "</Domain></Xdmf>\n"
TOPOLOGIES = {
    "vertex": "Polyvertex",
    "line": "Polyline",
    "triangle": "Triangle",
    "quad": "Quadrilateral",
    "tetra": "Tetrahedron",
    "hexahedron": "Hexahedron",
}


def index_of_mesh(folder: Path) -> str:
    """Topology, geometry and what stays with the elements and nodes, in `mesh.h5`."""
    with open_hdf5(folder / FILE) as file:
        blocks = stored_blocks(file)
        n_elements = sum(len(data) for _, data in blocks)
        if len(blocks) == 1:
            shape, elements = blocks[0]
            kind = (
                f'TopologyType="{TOPOLOGIES[shape]}" NumberOfElements="{n_elements}" '
                f'NodesPerElement="{SHAPES[shape][0]}"'
            )
        else:
            elements = file["mixed"]
            kind = f'TopologyType="Mixed" NumberOfElements="{n_elements}"'
        lines = [
            f"<Topology {kind}>{_stored(elements)}</Topology>",
            f'<Geometry GeometryType="XYZ">{_stored(file["points"])}</Geometry>',
        ]
        for group, centre in (("elements", "Cell"), ("nodes", "Node")):
            for name, data in file[group].items():
                lines.append(_attribute(name, data.shape, _stored(data), centre))
    return "\n".join(lines)


def node_attribute(
    name: str, file: str, dataset: str, shape: Sequence[int], dtype: np.dtype
) -> str:
    """One variable at the nodes, kept as a dataset of a file."""
    return _attribute(name, shape, data_item(file, dataset, shape, dtype), "Node")


def data_item(file: str, dataset: str, shape: Sequence[int], dtype: np.dtype) -> str:
    """Where an array is.

    Raises:
        ValueError: XDMF knows no such numbers.
    """
    kind = {"f": "Float", "i": "Int", "u": "UInt"}.get(dtype.kind)
    if kind is None:
        raise ValueError(
            f"XDMF has no number type for {dtype}; give floats or whole numbers"
        )
    return (
        f'<DataItem Dimensions="{" ".join(map(str, shape))}" NumberType="{kind}" '
        f'Precision="{dtype.itemsize}" Format="HDF">{file}:/{escape(dataset)}'
        "</DataItem>"
    )


def _stored(data) -> str:
    return data_item(FILE, data.name.lstrip("/"), data.shape, data.dtype)


def _attribute(name: str, shape: Sequence[int], item: str, centre: str) -> str:
    vector = ' AttributeType="Vector"' if len(shape) == 2 else ""
    head = f'<Attribute Name={quoteattr(name)} Center="{centre}"{vector}>'
    return f"{head}{item}</Attribute>"
