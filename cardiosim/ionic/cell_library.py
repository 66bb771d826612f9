"""Cells by name or file: those that ship, texts of a user, and variants of either.

A cell is a model text, NAME.mmt. A variant is a parameter set over one: NAME.toml,

    base = "skibsbye2016"        # a shipped cell, or a file beside this one
    title = "..."                # one line on what it is
    source = "... doi ..."       # where the values come from
    [parameters]                 # a value in the base's unit, or a multiple of its own
    "remodelling.af" = 1.0
    "ik1.g_K1" = { scale = 1.62 }
    [initial]                    # initial states that differ
    "membrane.V" = -75.3

The base may itself be a variant. What a variant sets becomes the literal of the
equations, as if it stood in the text, so that it costs the kernel nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from cardiosim.ionic.equations import CellEquations, nearest
from cardiosim.ionic.expressions import Number
from cardiosim.ionic.parameters import no_parameter
from cardiosim.ionic.read_myokit import model_text, read_mmt

MODELS = Path(__file__).parent / "models"
SUFFIXES = (".mmt", ".toml")


class _Multiple(BaseModel):
    model_config = ConfigDict(extra="forbid")
    scale: FiniteFloat


class _VariantFile(BaseModel):
    """What a variant's file may say."""

    model_config = ConfigDict(extra="forbid")
    base: str
    title: str = ""
    source: str = ""
    parameters: dict[str, FiniteFloat | _Multiple] = {}
    initial: dict[str, FiniteFloat] = {}


@dataclass(frozen=True)
class ModelSource:
    """Text of a cell, and the variants that are laid over it.

    Attributes:
        name: of the cell, or of the outermost variant.
        text: model text of the base.
        origin: where the cell comes from, for messages.
        variants: content of each variant's file, the innermost first, with its origin.
    """

    name: str
    text: str
    origin: str
    variants: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """Everything that the equations depend on."""
        return "\0".join((self.text, *(content for _, content in self.variants)))

    def equations(self) -> CellEquations:
        """Equations of the cell, with what its variants set.

        Raises:
            ValueError: see `read_mmt`; a variant sets what the cell does not have.
        """
        return _equations(self)


def available_cells() -> tuple[str, ...]:
    """Names of the cells and variants that ship with the program."""
    files = (path for path in MODELS.iterdir() if path.suffix in SUFFIXES)
    return tuple(sorted(path.stem for path in files))


def model_path(model: str | Path) -> Path:
    """File of a shipped cell or variant, or the file itself.

    Raises:
        ValueError: neither a shipped cell nor a .mmt or .toml file; names the nearest.
    """
    path = Path(model)
    if path.suffix in SUFFIXES:
        if not path.is_file():
            raise ValueError(f"there is no model file {path}")
        return path
    if str(model) not in available_cells():
        if path.suffix == ".cellml":
            raise ValueError(
                f"{path} is CellML, which a case cannot name; convert it first: "
                f"cardiosim cells import {path}"
            )
        advice = nearest(str(model), available_cells()).rstrip("?")
        raise ValueError(
            f"unknown cell {model}; {advice}; a model file of your own ends in .mmt, "
            "a variant of a cell in .toml"
        )
    text = MODELS / f"{model}.mmt"
    return text if text.is_file() else text.with_suffix(".toml")


def model_source(model: str | Path) -> ModelSource:
    """Text of a cell by name or file, and of its variants.

    Args:
        model: name of a shipped cell or variant, or path of a .mmt or .toml file.

    Raises:
        ValueError: no such cell; a variant's file with an error; variants in a circle.
    """
    variants: list[tuple[str, str]] = []
    path = outermost = model_path(model)
    seen = [path.resolve()]
    while path.suffix == ".toml":
        content = model_text(path)
        variants.insert(0, (_origin(path), content))
        base = _variant(_origin(path), content).base
        is_file = Path(base).suffix in SUFFIXES
        path = model_path(path.parent / base if is_file else base)
        if path.resolve() in seen:
            raise ValueError(
                f"{_origin(path)} is a variant of itself; name another base"
            )
        seen.append(path.resolve())
    return ModelSource(outermost.stem, model_text(path), _origin(path), tuple(variants))


def _origin(path: Path) -> str:
    return str(path) if path != MODELS / path.name else path.stem


def _variant(origin: str, content: str) -> _VariantFile:
    try:
        return _VariantFile.model_validate(tomllib.loads(content))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{origin} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:2])
        raise ValueError(
            f"{origin}: {where}: {first['msg']}, came {first['input']!r}; a variant "
            "has base, title, source, [parameters] and [initial]"
        ) from None


@functools.lru_cache(maxsize=8)
def _equations(source: ModelSource) -> CellEquations:
    name = source.origin if source.variants else source.name
    cell = read_mmt(source.text, Path(name).stem, source.origin)
    for origin, content in source.variants:
        cell = _laid_over(cell, _variant(origin, content), origin)
    return dataclasses.replace(cell, name=source.name)


def _laid_over(
    cell: CellEquations, variant: _VariantFile, origin: str
) -> CellEquations:
    definitions = dict(cell.definitions)
    for name, setting in variant.parameters.items():
        if name not in cell.parameters:
            raise ValueError(f"{origin}: {no_parameter(name, cell)}")
        if isinstance(setting, _Multiple):
            setting = setting.scale * definitions[name].value
        definitions[name] = Number(float(setting))
    initial = dict(zip(cell.states, cell.initial, strict=True))
    for name, value in variant.initial.items():
        if name not in initial:
            raise ValueError(
                f"{origin}: {cell.name} has no state {name}; "
                f"{nearest(name, cell.states)}"
            )
        initial[name] = float(value)
    return dataclasses.replace(
        cell,
        definitions=definitions,
        initial=tuple(initial.values()),
        title=variant.title or cell.title,
    )
