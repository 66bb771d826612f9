"""The order in which equations are evaluated, derivatives inside them included."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from cardiosim.ionic.expressions import Expression, references


def schedule(
    targets: Iterable[Expression],
    definitions: Mapping[str, Expression],
    known: Collection[str],
) -> list[str]:
    """Names to be assigned before the targets can be evaluated, in order.

    A derivative that an equation reads ("dot(x)") is a name like any other.

    Args:
        targets: expressions to be evaluated afterwards.
        definitions: right-hand sides, by name.
        known: names that need no assignment (states, inputs).

    Returns:
        Names in evaluation order, none twice.

    Raises:
        ValueError: equations that depend on each other in a circle.
    """
    ordered: dict[str, None] = {}
    visiting: list[str] = []

    def visit(expression: Expression) -> None:
        for name in sorted(references(expression)):
            if name in ordered or name in known:
                continue
            if name in visiting:
                circle = " -> ".join([*visiting[visiting.index(name) :], name])
                raise ValueError(f"equations depend on each other: {circle}")
            visiting.append(name)
            visit(definitions[name])
            visiting.pop()
            ordered[name] = None

    for target in targets:
        visit(target)
    return list(ordered)
