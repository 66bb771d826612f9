"""PVD: a list of times and VTU files, one a step, which every ParaView plays.

VTU has no way to keep the mesh once: each file holds it. The list is written after the
files that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from cardiosim.output.documents import replace_text
from cardiosim.output.fields import FieldSeries
from cardiosim.output.mesh_arrays import MeshArrays
from cardiosim.whole_file import whole_file


def steps_folder(path: Path) -> Path:
    """Folder of the VTU files that belong to a PVD file."""
    return path.with_name(f"{path.stem}_steps")


def write_pvd(
    path: Path,
    mesh: MeshArrays,
    series: FieldSeries | None,
    names: Sequence[str],
    show: Callable[[float, float], None],
) -> None:
    """Write a VTU file a snapshot beside the list of them; arguments as `write_vtkhdf`.

    Meshio writes them.
    """
    import meshio

    folder = steps_folder(path)
    path.unlink(missing_ok=True)
    folder.mkdir(exist_ok=True)
    for earlier in folder.glob(f"{path.stem}_*.vtu"):
        earlier.unlink()
    ends = np.cumsum([0, *(len(nodes) for _, nodes in mesh.blocks)])[1:-1]
    written = meshio.Mesh(
        mesh.points,
        list(mesh.blocks),
        cell_data={
            name: np.split(array, ends) for name, array in mesh.element_data.items()
        },
    )
    snapshots = iter([(0.0, {})]) if series is None else series.steps(names)
    n_steps = 1 if series is None else len(series.times)
    entries = []
    for number, (t, values) in enumerate(snapshots):
        name = f"{path.stem}_{number:06d}.vtu"
        written.point_data = dict(mesh.node_data) | values
        with whole_file(folder / name) as partial:
            meshio.write(partial, written, file_format="vtu")
        entries.append(
            f'<DataSet timestep="{t!r}" part="0" '
            f"file={quoteattr(f'{folder.name}/{name}')}/>"
        )
        show(number + 1, n_steps)
    head = (
        '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1"><Collection>'
    )
    replace_text(path, "\n".join([head, *entries, "</Collection></VTKFile>\n"]))
