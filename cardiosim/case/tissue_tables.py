"""What a case may say of space: the [mesh] and [tissue] tables."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_validator

from cardiosim.case.quantities import PositiveLength, Table, quantity


class MeshTable(Table):
    """Where the nodes are."""

    kind: Literal["cable", "point"]
    length: PositiveLength | None = None
    dx: PositiveLength | None = None

    @model_validator(mode="after")
    def _cable_has_a_length(self) -> Self:
        given = [key for key in ("length", "dx") if getattr(self, key) is not None]
        if self.kind == "point" and given:
            raise ValueError(
                f'kind "point" has no {" and no ".join(given)}; remove it, '
                'or write kind = "cable"'
            )
        missing = {"length", "dx"} - set(given)
        if self.kind == "cable" and missing:
            raise ValueError(
                f'kind "cable" needs {" and ".join(sorted(missing))}, in mm'
            )
        return self


class TissueTable(Table):
    """What couples the nodes: D itself, or sigma_l, chi and C_m that make it."""

    D: quantity("mm2/ms", gt=0.0) | None = None
    sigma_l: quantity("mS/mm", gt=0.0) | None = None
    chi: quantity("1/mm", gt=0.0) | None = None
    C_m: quantity("uF/mm2", gt=0.0) | None = None

    @model_validator(mode="before")
    @classmethod
    def _chi_and_C_m_have_defaults(cls, table: Any) -> Any:
        if isinstance(table, dict) and "sigma_l" in table:
            return {"chi": 140.0, "C_m": 0.01, **table}
        return table

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if (self.D is None) == (self.sigma_l is None):
            raise ValueError(
                "give either D (mm2/ms), or sigma_l (mS/mm) with chi (1/mm, 140 by "
                "default) and C_m (uF/mm2, 0.01 by default); "
                + ("both came" if self.D is not None else "neither came")
            )
        if self.D is not None and (self.chi or self.C_m):
            raise ValueError(
                "chi and C_m belong to sigma_l; D = sigma_l / (chi C_m) holds them "
                "already, so remove them, or write sigma_l instead of D"
            )
        return self

    @property
    def diffusivity(self) -> float:
        """D in mm2/ms."""
        if self.D is not None:
            return self.D
        return self.sigma_l / (self.chi * self.C_m)
