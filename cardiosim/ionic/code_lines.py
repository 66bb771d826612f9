"""Expressions to lines of Python, one assignment or select a line."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cardiosim.ionic.emit_network import is_written_out, neuron_lines
from cardiosim.ionic.expressions import NETWORK, Apply, Expression, Name, Number
from cardiosim.ionic.network import Network

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 3}
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_LARGEST_UNROLLED_POWER = 16


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Python identifiers for qualified names: "ina.m" -> ina_m, "dot(x)" -> dot_x."""
    taken: set[str] = set()
    result = {}
    for name in names:
        identifier = re.sub(r"\W+", "_", name).strip("_")
        while identifier in taken or keyword.iskeyword(identifier):
            identifier += "_"
        taken.add(identifier)
        result[name] = identifier
    return result


@dataclass
class CodeLines:
    """Lines of a function body under construction.

    Attributes:
        identifiers: identifier of every variable.
        powers: "unrolled" writes powers as products, square roots and `power`;
            "pow" calls the math library.
        networks: that expressions call by number.
        lines: what has been written.
    """

    identifiers: dict[str, str]
    powers: str
    networks: Sequence[Network] = ()
    lines: list[str] = field(default_factory=list)
    _temporaries: int = 0

    def assign(self, target: str, expression: Expression) -> None:
        """`target = expression`, with the temporaries it needs before it.

        Outputs of a network are `target_0`, `target_1`, ...
        """
        match expression:
            case Apply(function, arguments) if function.startswith(NETWORK):
                number = int(function.removeprefix(NETWORK))
                texts = [self.text(a, 9) for a in arguments]
                self._assign_network(target, number, texts)
            case _:
                self.lines.append(f"{target} = {self.text(expression)}")

    def _assign_network(self, target: str, number: int, inputs: list[str]) -> None:
        network = self.networks[number]
        if is_written_out(network):
            rows = [x if x.isidentifier() else self.name(x) for x in inputs]
            before, self.lines = self.lines, []
            written = neuron_lines(self, network, rows, target)
            self.lines = before + written
        else:
            outputs = "".join(f"{target}_{i}, " for i in range(network.n_outputs))
            self.lines.append(f"{outputs}= network_{number}({', '.join(inputs)})")

    def text(self, expression: Expression, outer: int = 0) -> str:
        """Python text of an expression inside an operator of precedence `outer`."""
        match expression:
            case Number(value):
                return _literal(value)
            case Name(name):
                return self.identifiers[name]
            case Apply("item", (Name(name), Number(i))):
                return f"{self.identifiers[name]}_{int(i)}"
            case Apply("select", (condition, a, b)):
                return self._select(condition, a, b)
            case Apply("and" | "or" as word, (a, b)):
                sign = "&" if word == "and" else "|"
                return f"({self.text(a, 9)} {sign} {self.text(b, 9)})"
            case Apply("not", (a,)):
                return f"(not {self.text(a, 9)})"
            case Apply(sign, (a, b)) if sign in _COMPARISONS:
                return f"({self.text(a)} {sign} {self.text(b)})"
            case Apply("//" | "%" as sign, (a, b)):
                return f"({self.text(a, 9)} {sign} {self.text(b, 9)})"
            case Apply("**", (base, exponent)):
                return self._power(base, exponent)
            case Apply("neg", (a,)):
                return self._wrap(f"-{self.text(a, 3)}", 3, outer)
            case Apply(sign, (a, b)) if sign in _PRECEDENCE:
                level = _PRECEDENCE[sign]
                tighter = level if sign in "+*" else level + 1
                text = f"{self.text(a, level)} {sign} {self.text(b, tighter)}"
                return self._wrap(text, level, outer)
            case Apply(function, arguments):
                return f"{function}({', '.join(self.text(a) for a in arguments)})"
        raise TypeError(f"not an expression: {expression!r}")

    def name(self, text: str) -> str:
        """A temporary that holds `text`."""
        self._temporaries += 1
        name = f"t{self._temporaries}"
        self.lines.append(f"{name} = {text}")
        return name

    def _select(self, condition: Expression, a: Expression, b: Expression) -> str:
        # Both arms stand on their own lines: a branch would stop the vectoriser.
        arms = [x if isinstance(x, Number | Name) else None for x in (a, b)]
        texts = [
            self.text(x) if arm else self.name(self.text(x))
            for x, arm in zip((a, b), arms, strict=True)
        ]
        return self.name(f"{texts[0]} if {self.text(condition)} else {texts[1]}")

    def _power(self, base: Expression, exponent: Expression) -> str:
        if self.powers == "pow":
            return f"pow({self.text(base)}, {self.text(exponent)})"
        value = exponent.value if isinstance(exponent, Number) else math.nan
        is_large = abs(value) > _LARGEST_UNROLLED_POWER
        if not (2 * value).is_integer() or (is_large and not value.is_integer()):
            return f"power({self.text(base)}, {self.text(exponent)})"
        text = self.text(base)
        root = text if text.isidentifier() else self.name(text)
        if is_large:
            # `power` takes no negative base, but a whole exponent does.
            odd = f"{root} * " if value % 2 == 1 else ""
            even = value - value % 2
            return f"({odd}power(abs({root}), {_literal(even)}))"
        whole, half = divmod(abs(value), 1.0)
        product = " * ".join([root] * int(whole) + [f"sqrt({root})"] * (half > 0))
        if not product:
            return "1.0"
        return f"(1.0 / ({product}))" if value < 0 else f"({product})"

    @staticmethod
    def _wrap(text: str, level: int, outer: int) -> str:
        return f"({text})" if level < outer else text


def _literal(value: float) -> str:
    if math.isnan(value):
        return "np.nan"
    if math.isinf(value):
        return "np.inf" if value > 0 else "(-np.inf)"
    return repr(value) if value >= 0 else f"({value!r})"
