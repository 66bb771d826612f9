"""What a case may say of its tissue: the [tissue] table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import FiniteFloat, NonNegativeInt, field_validator, model_validator

from cardiosim.case.quantities import Fraction, PositiveLength, Table, quantity
from cardiosim.tissue.conductivity import diffusivity, monodomain_conductivity

FAMILIES = {
    "D": ("D",),
    "D_l": ("D_l", "D_t", "D_n"),
    "sigma_l": ("sigma_l", "sigma_t", "sigma_n"),
    "sigma_il": (
        "sigma_il",
        "sigma_it",
        "sigma_in",
        "sigma_el",
        "sigma_et",
        "sigma_en",
    ),
}
WAYS = (
    "give either D (mm2/ms), or sigma_l (mS/mm) with chi (1/mm, 140 by default) and "
    "C_m (uF/mm2, 0.01 by default), or D_l and D_t, or the pairs sigma_il, sigma_el "
    "and sigma_it, sigma_et"
)
CHI, C_M = 140.0, 0.01  # 1/mm and uF/mm2: Niederer et al. 2011
# Dense patches still conduct, slowly; fibrotic septa and scattered deposits do not.
FIBROSIS_DEFAULTS = {
    "diffuse": {"scale": 0.0},
    "interstitial": {"scale": 0.0, "length": 3.0, "width": 0.3},  # mm
    "patchy": {"scale": 0.3, "length": 4.0, "width": 4.0},
}


class ConductivityKeys(Table):
    """Conductivities along and across the fibres, and along the normal of the sheets.

    One of four ways: D alone is isotropic.
    """

    D: quantity("mm2/ms", ge=0.0) | None = None
    D_l: quantity("mm2/ms", ge=0.0) | None = None
    D_t: quantity("mm2/ms", ge=0.0) | None = None
    D_n: quantity("mm2/ms", ge=0.0) | None = None
    sigma_l: quantity("mS/mm", ge=0.0) | None = None
    sigma_t: quantity("mS/mm", ge=0.0) | None = None
    sigma_n: quantity("mS/mm", ge=0.0) | None = None
    sigma_il: quantity("mS/mm", ge=0.0) | None = None
    sigma_it: quantity("mS/mm", ge=0.0) | None = None
    sigma_in: quantity("mS/mm", ge=0.0) | None = None
    sigma_el: quantity("mS/mm", ge=0.0) | None = None
    sigma_et: quantity("mS/mm", ge=0.0) | None = None
    sigma_en: quantity("mS/mm", ge=0.0) | None = None
    chi: quantity("1/mm", gt=0.0) | None = None
    C_m: quantity("uF/mm2", gt=0.0) | None = None

    @property
    def families(self) -> list[str]:
        """The ways in which conductivities came."""
        return [
            name
            for name, keys in FAMILIES.items()
            if any(getattr(self, key) is not None for key in keys)
        ]

    def given(self) -> dict[str, float]:
        """The keys that came, by name."""
        keys = [key for family in FAMILIES.values() for key in family]
        values = {key: getattr(self, key) for key in (*keys, "chi", "C_m")}
        return {key: value for key, value in values.items() if value is not None}

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        families = self.families
        if len(families) > 1:
            came = ", ".join(k for k in self.given() if k not in ("chi", "C_m"))
            raise ValueError(f"{WAYS}; {came} came")
        if families and families[0].startswith("D") and (self.chi or self.C_m):
            raise ValueError(
                "chi and C_m belong to sigma_l; D = sigma_l / (chi C_m) holds them "
                "already, so remove them, or write sigma_l instead of D"
            )
        return self


@dataclass(frozen=True)
class Diffusivities:
    """D along and across the fibres and along the sheets' normal, mm2/ms."""

    along: float
    across: float | None  # unknown if only that along the fibres came
    normal: float | None  # that across if None

    @classmethod
    def of(cls, keys: Mapping[str, float]) -> Diffusivities:
        """From the keys of one family, chi and C_m; ValueError if some are missing."""
        if "D" in keys:
            return cls(keys["D"], keys["D"], None)
        letter = "D" if any(key in keys for key in FAMILIES["D_l"]) else "sigma"
        pairs = any(key in keys for key in FAMILIES["sigma_il"])
        chi, C_m = keys.get("chi", CHI), keys.get("C_m", C_M)
        found = {}
        for axis in "ltn":
            names = (
                [f"sigma_i{axis}", f"sigma_e{axis}"] if pairs else [f"{letter}_{axis}"]
            )
            values = [keys[name] for name in names if name in keys]
            missing = [name for name in names if name not in keys]
            if missing and (values or axis == "l"):
                came = ", ".join(key for key in keys if key not in ("chi", "C_m"))
                raise ValueError(f"{' and '.join(missing)} missing beside {came}")
            if not values:
                found[axis] = None
            elif letter == "D":
                found[axis] = values[0]
            else:
                sigma = monodomain_conductivity(*values) if pairs else values[0]
                found[axis] = diffusivity(sigma, chi, C_m)
        if found["n"] is not None and found["t"] is None:
            normal, across = (
                ("sigma_in and sigma_en", "sigma_it and sigma_et")
                if pairs
                else (f"{letter}_n", f"{letter}_t")
            )
            raise ValueError(f"{normal} came without {across}; give both")
        return cls(found["l"], found["t"], found["n"])


Direction = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
RULES = ("transmural", "along_gradient", "circumferential", "left_atrium")
THRESHOLDS = ("mitral_threshold", "vein_threshold", "roof_threshold")
_OF_RULE = {
    "transmural": ({"start", "end", "angle"}, {"axis"}),
    "along_gradient": ({"start", "end"}, set()),
    "circumferential": ({"start", "end"}, {"wall"}),
    "left_atrium": (set(), set(THRESHOLDS)),
}


class FibresTable(Table):
    """Where the fibres run: by angle, direction, file or rule; else the mesh's own."""

    angle: tuple[quantity("deg"), ...] | None = None  # one, or at the least and most z
    direction: Direction | None = None
    file: str | None = None
    rule: Literal["transmural", "along_gradient", "circumferential", "left_atrium"] | (
        None
    ) = None
    sheet: Direction | None = None
    start: str | None = None  # of a rule: a set of the mesh, or a region
    end: str | None = None
    wall: tuple[str, str] | None = None  # inner and outer surface of a volume
    axis: Direction | None = None
    mitral_threshold: quantity("1", gt=0.0, lt=1.0) | None = None
    vein_threshold: quantity("1", gt=0.0, lt=1.0) | None = None
    roof_threshold: quantity("1", gt=0.0, lt=1.0) | None = None

    @field_validator("angle", mode="before")
    @classmethod
    def _a_number_is_one_angle(cls, angle: Any) -> Any:
        return angle if isinstance(angle, list | tuple) or angle is None else (angle,)

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        ways = ["direction", "file", "rule"] + (["angle"] if self.rule is None else [])
        given = [key for key in ways if getattr(self, key) is not None]
        if len(given) > 1 or (not given and self.sheet is None):
            raise ValueError(
                "give one of angle (degrees in the x-y plane, or [at the least z, at "
                "the most z]), direction = [x, y, z], file and rule; "
                f"{_listed(given)} came"
            )
        if self.angle is not None and len(self.angle) not in (1, 2):
            raise ValueError(
                f"angle: {len(self.angle)} numbers came; give one, or two: at the "
                "least and at the most z (rule transmural: at start and at end)"
            )
        for key in ("direction", "sheet", "axis"):
            value = getattr(self, key)
            if value is not None and not any(value):
                raise ValueError(f"{key}: [0, 0, 0] points nowhere")
        return self

    @model_validator(mode="after")
    def _options_belong_to_their_rule(self) -> Self:
        options = {"start", "end", "wall", "axis", *THRESHOLDS}
        needed, allowed = _OF_RULE.get(self.rule, (set(), set()))
        given = {key for key in options if getattr(self, key) is not None}
        extra = sorted(given - needed - allowed)
        if extra:
            owner = f'rule "{self.rule}"' if self.rule else "a rule"
            what = "has no" if self.rule else "alone has"
            raise ValueError(f"{owner} {what} {_listed(extra)}; remove it")
        missing = sorted(key for key in needed if getattr(self, key) is None)
        if missing:
            raise ValueError(f'rule "{self.rule}" needs {_listed(missing)}')
        if self.rule is not None and self.angle is not None:
            if self.rule != "transmural":
                raise ValueError(f'rule "{self.rule}" has no angle; remove it')
            if len(self.angle) != 2:
                raise ValueError(
                    'rule "transmural" needs angle = [at start, at end]; '
                    f"{len(self.angle)} came"
                )
        return self


class RegionConductivityTable(ConductivityKeys):
    """Other conductivities, or a multiple of them, in a part of the tissue."""

    where: str
    scale: quantity("1", ge=0.0) | None = None

    @model_validator(mode="after")
    def _it_changes_something(self) -> Self:
        if self.scale is None and not self.given():
            raise ValueError(
                "nothing to change; give a conductivity such as D_t, or scale (0 does "
                "not conduct)"
            )
        return self


class ConductivityFieldTable(Table):
    """A file with a number for each node or element that multiplies D."""

    file: str
    per: Literal["node", "element"] | None = None  # by the length of the file


class FibrosisTable(Table):
    """A pattern of fibrotic elements."""

    kind: Literal["diffuse", "interstitial", "patchy"]
    fraction: Fraction
    where: str
    seed: NonNegativeInt | None = None  # that of the case, and the place in the list
    scale: quantity("1", ge=0.0)  # of the conductivity in fibrotic elements
    length: PositiveLength | None = None
    width: PositiveLength | None = None

    @model_validator(mode="before")
    @classmethod
    def _each_kind_has_its_defaults(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        defaults = {"where": "all"} | FIBROSIS_DEFAULTS.get(table.get("kind"), {})
        if table.get("kind") == "patchy" and ("length" in table or "width" in table):
            # Patches are round unless they are told otherwise.
            both = table.get("length", table.get("width"))
            defaults |= {"length": both, "width": both}
        return defaults | table

    @model_validator(mode="after")
    def _lengths_fit_the_kind(self) -> Self:
        lengths = [k for k in ("length", "width") if getattr(self, k) is not None]
        if self.kind == "diffuse" and lengths:
            raise ValueError(
                f'kind "diffuse" has no {_listed(lengths)}: its elements are '
                'independent; write "interstitial" or "patchy"'
            )
        return self


class TissueTable(ConductivityKeys):
    """What couples the nodes."""

    fibres: FibresTable | None = None
    region: tuple[RegionConductivityTable, ...] | None = None
    field: tuple[ConductivityFieldTable, ...] | None = None
    fibrosis: tuple[FibrosisTable, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _chi_and_C_m_have_defaults(cls, table: Any) -> Any:
        if isinstance(table, dict) and any(
            key in table for key in (*FAMILIES["sigma_l"], *FAMILIES["sigma_il"])
        ):
            return {"chi": CHI, "C_m": C_M, **table}
        return table

    @model_validator(mode="after")
    def _conducts(self) -> Self:
        if not self.families:
            raise ValueError(f"{WAYS}; neither came")
        if not Diffusivities.of(self.given()).along > 0.0:
            raise ValueError(
                "the tissue does not conduct at all; give a conductivity above 0, and "
                "scale = 0 in a [[tissue.region]] where it does not conduct"
            )
        return self

    @property
    def diffusivities(self) -> Diffusivities:
        """D along and across the fibres, mm2/ms, where no region says otherwise."""
        return Diffusivities.of(self.given())

    @property
    def diffusivity(self) -> float:
        """D along the fibres, mm2/ms."""
        return self.diffusivities.along


def _listed(names: list[str]) -> str:
    return " and ".join(names) or "none"
