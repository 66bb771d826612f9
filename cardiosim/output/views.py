"""Pictures and films of a mesh in space, with pyvista (extra `viz`).

Call `rendering.check_rendering` first: where libraries are missing, VTK does not raise
but ends the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import ListedColormap
from numpy.typing import NDArray

from cardiosim.output.maps import (
    LAT_LABEL,
    LATENCY,
    NOT_ACTIVATED,
    VOLTAGE,
    isochrone_interval,
    isochrone_levels,
)
from cardiosim.output.mesh_arrays import SHAPES, MeshArrays
from cardiosim.output.style import COLOURS, INK

if TYPE_CHECKING:
    import pyvista

SIZE = (1100, 850)  # pixels
CAMERAS = ("auto", "iso", "xy", "-xy", "xz", "-xz", "yz", "-yz")
TOWARDS_EYE = (-6.0, -6.0)  # offset of lines in the surface, in steps of the depth
AMBIENT = 0.25  # of the light; colours in the shade stay readable
LINE_WIDTH = 6  # of elements that are lines
ZOOM = 1.05  # of what pyvista takes for the whole
ABOVE_THE_BAR = 0.12  # half heights of the picture by which the scene is moved up
MOST_FIBRES = 2500  # more of them are a grey haze
FIBRE_LENGTH = 0.025  # of the mesh's diagonal
FLAT = 1e-3  # a mesh this much thinner than wide is seen from above
REGION_COLOURS = (
    *COLOURS,
    *("#a9c4d8", "#e5b9a4", "#b3ccb9", "#c6b5d1", "#dccf9f", "#2b3d4f"),
)
TISSUE = "#e9e4da"
CONDUCTION = "viridis"


@dataclass
class View:
    """A mesh in space: its surface, areas and lines, with something on them.

    Args:
        mesh: any; of volumes the surface is drawn.
        camera: one of CAMERAS; "auto" looks at flat meshes from above.
        window: whether to draw into a window rather than off screen.
    """

    mesh: MeshArrays
    camera: str = "auto"
    window: bool = False

    def __post_init__(self) -> None:
        import pyvista
        from vtkmodules.vtkCommonCore import vtkLogger

        # That there is no display is no news: it goes on without.
        vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)
        if self.camera not in CAMERAS:
            raise ValueError(
                f'camera "{self.camera}"; expected one of {", ".join(CAMERAS)}'
            )
        self.plotter = pyvista.Plotter(off_screen=not self.window, window_size=SIZE)
        self.plotter.set_background("white")
        self._surface = _surface(self.mesh)
        self._nodes = self._surface.point_data["node"]
        self._elements = self._surface.cell_data["element"]
        self._shown: dict[str, NDArray] = {}

    def add_values(
        self, values: NDArray, label: str, limits: tuple[float, float] | None = None
    ) -> None:
        """Colour by a variable at the nodes, shape (n_nodes,); NaN is grey."""
        known = values[np.isfinite(values)]
        if limits is None:
            limits = (known.min(), known.max()) if known.size else (0.0, 1.0)
        self._add(values, label, cmap=VOLTAGE, clim=limits)

    def set_values(self, values: NDArray) -> None:
        """Other values for what `add_values` has drawn."""
        self._surface.point_data["shown"] = values[self._nodes]

    def add_activation(self, lat: NDArray, interval: float | None = None) -> None:
        """Colour by activation time, ms, shape (n_nodes,), with isochrones.

        Args:
            lat: NaN where a node did not activate.
            interval: between isochrones, ms; one that suits by default.
        """
        if not np.isfinite(lat).any():
            raise ValueError("no node has activated in this beat; nothing to draw")
        interval = interval or isochrone_interval(lat)
        levels = isochrone_levels(lat, interval)
        label = f"{LAT_LABEL}, isochrones {interval:g} ms"
        self._add(lat, label, cmap=LATENCY, clim=(levels[0], levels[-1]))
        lines = _isochrones(self._surface, levels[1:-1])
        if lines.n_points:
            self._add_lines(lines, 2.0)

    def add_regions(self) -> None:
        """Colour by region, with their names."""
        names = {number: name for name, number in self.mesh.region_names.items()}
        self._add_kinds(self._of_elements("regions"), names)

    def add_fibrosis(self) -> None:
        """Colour fibrotic elements apart from the others."""
        self._add_kinds(
            self._of_elements("fibrosis"), {0: "not fibrotic", 1: "fibrotic"}
        )

    def add_element_values(
        self, name: str, label: str, limits: tuple[float, float] | None = None
    ) -> None:
        """Colour by one of the mesh's element data, shape (n_elements,)."""
        values = self._of_elements(name)
        if limits is None:
            # Where all are alike, the colours need a range still.
            low, high = float(values.min()), float(values.max())
            limits = low, max(high, low + 1e-3 * max(abs(low), 1e-6))
        self._surface.cell_data["shown"] = values[self._elements]
        self._add_shown(label, cmap=CONDUCTION, clim=limits)

    def _of_elements(self, name: str) -> NDArray:
        values = self.mesh.element_data.get(name)
        if values is None:
            raise ValueError(
                f"this run has no {name}; its elements have "
                f"{', '.join(self.mesh.element_data) or 'nothing'}"
            )
        return values

    def _add_kinds(self, kinds: NDArray, names: Mapping[int, str]) -> None:
        """Colour by a whole number at each element, with what it stands for."""
        numbers = np.unique(kinds)
        colours = [REGION_COLOURS[k % len(REGION_COLOURS)] for k in range(len(numbers))]
        place = np.searchsorted(numbers, kinds[self._elements])
        self._surface.cell_data["shown"] = place
        self.plotter.add_mesh(
            self._surface,
            scalars="shown",
            cmap=ListedColormap(colours),
            clim=(-0.5, len(numbers) - 0.5),
            show_scalar_bar=False,
            ambient=AMBIENT,
            line_width=LINE_WIDTH,
            render_lines_as_tubes=True,
        )
        for row, (number, colour) in enumerate(zip(numbers, colours, strict=True)):
            self.plotter.add_text(
                str(names.get(number, f"region {number}")),
                position=(0.78, 0.95 - 0.035 * row),
                viewport=True,
                font_size=11,
                color=colour,
            )

    def add_fibres(self) -> None:
        """Draw a short line along the fibre in each of so many elements."""
        import pyvista

        fibres = self.mesh.element_data.get("fibres")
        if fibres is None or not fibres.any():
            raise ValueError("this mesh has no fibres; nothing to draw")
        self.plotter.add_mesh(
            self._surface, color=TISSUE, line_width=LINE_WIDTH, ambient=AMBIENT
        )
        chosen = np.flatnonzero(fibres[self._elements].any(axis=1))
        chosen = chosen[:: max(1, len(chosen) // MOST_FIBRES)]
        centres = self._surface.cell_centers().points[chosen]
        along = (
            0.5 * FIBRE_LENGTH * self._surface.length * fibres[self._elements[chosen]]
        )
        ends = np.stack([centres - along, centres + along], axis=1).reshape(-1, 3)
        pairs = np.arange(len(ends)).reshape(-1, 2)
        cells = np.hstack([np.full((len(pairs), 1), 2), pairs])
        lines = pyvista.PolyData(ends, lines=cells.ravel())
        self._add_lines(lines, 1.5)

    def write(self, text: str) -> None:
        """Text in the upper left corner, in place of what was there."""
        self.plotter.add_text(
            text, position="upper_left", font_size=11, color=INK, name="head"
        )

    def image(self) -> NDArray[np.uint8]:
        """The picture, shape (height, width, 3)."""
        self._place_camera()
        return self.plotter.screenshot(return_img=True)

    def show(self) -> None:
        """Show the window until it is closed."""
        self._place_camera()
        self.plotter.show()

    def film(self, steps: Iterator[tuple[str, NDArray]]) -> Iterator[NDArray[np.uint8]]:
        """A picture of each (text, values at the nodes), (height, width, 3)."""
        for text, values in steps:
            self.set_values(values)
            self.write(text)
            yield self.image()

    def close(self) -> None:
        """Give the graphics memory back."""
        self.plotter.close()

    def _add(self, values: NDArray, label: str, **colours: Any) -> None:
        self._surface.point_data["shown"] = values[self._nodes]
        self._add_shown(label, **colours)

    def _add_shown(self, label: str, **colours: Any) -> None:
        self.plotter.add_mesh(
            self._surface,
            scalars="shown",
            nan_color=NOT_ACTIVATED,
            line_width=LINE_WIDTH,
            render_lines_as_tubes=True,
            ambient=AMBIENT,
            scalar_bar_args=_bar(label),
            **colours,
        )

    def _add_lines(self, lines: pyvista.PolyData, width: float) -> None:
        """Draw lines that lie in the surface, which would hide parts of them."""
        actor = self.plotter.add_mesh(
            lines, color=INK, line_width=width, lighting=False, show_scalar_bar=False
        )
        actor.mapper.SetResolveCoincidentTopologyToPolygonOffset()
        actor.mapper.SetRelativeCoincidentTopologyLineOffsetParameters(*TOWARDS_EYE)

    def _place_camera(self) -> None:
        if getattr(self, "_is_placed", False):
            return
        self._is_placed = True
        extent = np.ptp(self._surface.points, axis=0)
        camera = self.camera
        if camera == "auto":
            thin = int(extent.argmin())
            is_flat = extent[thin] < FLAT * extent.max()
            camera = ("yz", "xz", "xy")[thin] if is_flat else "iso"
        if camera == "iso":
            self.plotter.view_isometric()
        else:
            look = {"xy": "view_xy", "xz": "view_xz", "yz": "view_yz"}
            getattr(self.plotter, look[camera[-2:]])(negative=camera[0] == "-")
        self.plotter.camera.zoom(ZOOM)
        self.plotter.camera.SetWindowCenter(0.0, -ABOVE_THE_BAR)
        self.plotter.add_axes(color=INK, line_width=2)


def _surface(mesh: MeshArrays) -> pyvista.PolyData:
    """What is seen of a mesh; `node` and `element` say where it comes from."""
    import pyvista
    from vtkmodules.vtkFiltersGeometry import vtkGeometryFilter

    cells = [
        np.hstack([np.full((len(nodes), 1), SHAPES[shape][0]), nodes]).ravel()
        for shape, nodes in mesh.blocks
    ]
    whole = pyvista.UnstructuredGrid(
        np.concatenate(cells), mesh.vtk_types, np.asarray(mesh.points)
    )
    whole.point_data["node"] = np.arange(mesh.n_nodes)
    whole.cell_data["element"] = np.arange(mesh.n_elements)
    outside = vtkGeometryFilter()
    outside.MergingOff()  # two layers may have nodes in the same place
    outside.SetInputData(whole)
    outside.Update()
    return pyvista.wrap(outside.GetOutput())


def _isochrones(surface: pyvista.PolyData, levels: NDArray) -> pyvista.PolyData:
    """Lines of equal activation, in triangles whose nodes have all activated."""
    import pyvista

    known = np.isfinite(surface.point_data["shown"])
    if not len(levels) or not known.any():
        return pyvista.PolyData()
    # Without lines, which have no isochrones.
    areas = pyvista.PolyData(surface.points, faces=surface.faces).triangulate()
    nodes = areas.regular_faces if areas.n_cells else np.empty((0, 3), dtype=int)
    nodes = nodes[known[nodes].all(axis=1)]
    if not len(nodes):
        return pyvista.PolyData()
    activated = pyvista.PolyData.from_regular_faces(surface.points, nodes)
    activated.point_data["lat"] = np.where(known, surface.point_data["shown"], 0.0)
    return activated.contour(isosurfaces=list(map(float, levels)), scalars="lat")


def _bar(label: str) -> Mapping[str, Any]:
    return {
        "title": f"{label}\n",  # an empty line, or the numbers stand in the title
        "color": INK,
        "vertical": False,
        "position_x": 0.25,
        "position_y": 0.02,
        "width": 0.5,
        "height": 0.11,
        "title_font_size": 18,
        "label_font_size": 15,
        "n_labels": 5,
        "fmt": "%.4g",
    }
