"""Bodies of generated functions: lines, indentation, and which names are free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cardiosim.ionic.code_lines import CodeLines, identifiers
from cardiosim.ionic.expressions import references
from cardiosim.ionic.stages import Assignment, Reaction


@dataclass
class FunctionBody:
    """Indented lines of one block, written through `CodeLines`."""

    code: CodeLines
    lines: list[str] = field(default_factory=list)

    def assign(self, assignments: Iterable[Assignment]) -> None:
        """Write assignments."""
        for name, expression in assignments:
            self.code.assign(self.code.identifiers[name], expression)
        self.add(*self.code.lines)
        self.code.lines.clear()

    def add(self, *lines: str) -> None:
        """Write lines as they are."""
        self.lines += lines


def indent(lines: Iterable[str], level: int) -> str:
    """Text of lines, indented by so many levels."""
    return "\n".join("    " * level + line if line else "" for line in lines)


def shift(lines: Iterable[str], level: int = 1) -> list[str]:
    """Lines, indented by so many levels."""
    return ["    " * level + line for line in lines]


def step_names(step: Reaction) -> list[str]:
    """Every name the step's code may use, variables first so they keep theirs."""
    names = dict.fromkeys((*step.inputs, *step.equations.definitions))
    assigned = [*step.hoisted, *step.main]
    if step.substep:
        assigned += step.substep.gate_step
        assigned += step.substep.potential_step
    for alternative in step.alternatives:
        assigned += alternative.assignments
    names |= dict.fromkeys(name for name, _ in assigned)
    return [*names, "dt", "h", "h_gate"]


_RESERVED = (
    "states parameters i_stim first last n_steps n_substeps stack_rows y strip start "
    "stop i j k out which values sub is_up exp exp_within log sqrt power "
    "x_over_expm1 abs floor ceil sin cos tan asin acos atan np range pow expm1 dt h "
    "h_gate is_taken any_taken networks"
).split()


def local_identifiers(names: Iterable[str]) -> dict[str, str]:
    """Identifiers that no kernel uses for anything else; dt, h, h_gate keep theirs."""
    own = {"dt", "h", "h_gate"}
    plain = [n for n in names if n not in own]
    table = identifiers([*_RESERVED, *plain])
    return {n: table[n] for n in plain} | {n: n for n in own}


def names_read(assignments: Iterable[Assignment]) -> set[str]:
    """Names that the assignments read."""
    return {name for _, expression in assignments for name in references(expression)}
