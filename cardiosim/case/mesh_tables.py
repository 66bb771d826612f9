"""What a case may say of its mesh: the [mesh] table."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from cardiosim.case.quantities import PositiveLength, Table, one_or_list, quantity

# What each kind of mesh takes beside its kind: what it needs, and what it may have.
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "point": ((), ()),
    "cable": (("length", "dx"), ("simplices",)),
    "sheet": (("size", "dx"), ("holes", "simplices")),
    "slab": (("size", "dx"), ("holes", "simplices")),
    "file": (
        ("file",),
        ("unit", "bundles", "refine", "thickness", "cross_section"),
    ),
}
AXES = {"cable": 1, "sheet": 2, "slab": 3}


class MeshTable(Table):
    """Where the nodes are: uncoupled, on a grid, or as a file has them."""

    kind: Literal["cable", "sheet", "slab", "file", "point"]
    length: PositiveLength | None = None
    size: tuple[PositiveLength, ...] | None = None
    dx: one_or_list(PositiveLength) | None = None
    holes: str | None = None  # elements whose centre lies in this region are left out
    simplices: bool = False  # finite elements on the grid's nodes, not differences
    file: str | None = None
    unit: str | None = None  # of the lengths in the file
    bundles: tuple[str, ...] | None = None  # groups of lines along edges that conduct
    refine: int = Field(default=0, ge=0, le=6)  # times that each element is split
    thickness: PositiveLength | None = None  # of triangles, beside other elements
    cross_section: quantity("mm2", gt=0.0) | None = None  # of lines, likewise

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Self:
        needed, allowed = KEYS[self.kind]
        extra = [
            key
            for key in type(self).model_fields
            if key != "kind"
            and getattr(self, key) not in (None, 0)
            and key not in (*needed, *allowed)
        ]
        if extra:
            better = [
                f'"{kind}"'
                for kind, keys in KEYS.items()
                if set(extra) <= {*keys[0], *keys[1]}
            ]
            instead = f", or write kind = {' or '.join(better)}" if better else ""
            raise ValueError(
                f'kind "{self.kind}" has no {" and no ".join(extra)}; remove it'
                + instead
            )
        missing = [key for key in needed if getattr(self, key) is None]
        if missing:
            unit = "" if self.kind == "file" else ", in mm"
            raise ValueError(
                f'kind "{self.kind}" needs {" and ".join(sorted(missing))}{unit}'
            )
        return self

    @model_validator(mode="after")
    def _lists_have_one_number_an_axis(self) -> Self:
        axes = AXES.get(self.kind)
        for key in ("size", "dx"):
            value = getattr(self, key)
            if axes and isinstance(value, tuple) and len(value) != axes:
                raise ValueError(
                    f'{key} has {len(value)} numbers; kind "{self.kind}" takes {axes}, '
                    f"one each along {', '.join('xyz'[:axes])}"
                )
        return self

    @property
    def is_tissue(self) -> bool:
        """Whether nodes are coupled."""
        return self.kind != "point"

    @property
    def extent(self) -> tuple[float, ...]:
        """Size of a grid along each of its axes, mm; () for other kinds."""
        if self.kind == "cable":
            return (self.length,)
        return self.size or ()
