"""The grammar of regions, and what is wrong with a text that it does not take.

What the words mean is told in regions.py.
"""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput

GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction (_OR conjunction)*
?conjunction: negation (_AND negation)*
?negation: _NOT negation -> complement
         | atom
?atom: comparison | box | sphere | cylinder | region | fibrosis
     | nodes | node_set | vertices | surface | everything
     | _OPEN disjunction _CLOSE
comparison: operand (RELATION operand)+
?operand: AXIS -> coordinate
        | NUMBER -> constant
box: _BOX _OPEN NUMBER (_COMMA NUMBER)* _CLOSE
sphere: _SPHERE _OPEN NUMBER (_COMMA NUMBER)* _CLOSE
cylinder: _CYLINDER _OPEN NUMBER (_COMMA NUMBER)* _CLOSE
region: _REGION _OPEN tag (_COMMA tag)* _CLOSE
?tag: INDEX [_DOTS INDEX] -> numbered
    | name -> named
fibrosis: _FIBROSIS
nodes: _NODES _OPEN span (_COMMA span)* _CLOSE
span: INDEX [_DOTS INDEX]
node_set: _SET _OPEN name _CLOSE
?name: NAME | TEXT
vertices: _VERTICES _OPEN TEXT _CLOSE
surface: _SURFACE
everything: _ALL

AXIS: /[xyz]\b/
RELATION: "<=" | ">=" | "==" | "<" | ">"
NUMBER: /[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/
INDEX: /\d+/
NAME: /[A-Za-z_][\w-]*/
TEXT: /"[^"]*"|'[^']*'/
_OR: /or\b/
_AND: /and\b/
_NOT: /not\b/
_ALL: /all\b/
_BOX: /box\b/
_SPHERE: /sphere\b/
_CYLINDER: /cylinder\b/
_REGION: /region\b/
_FIBROSIS: /fibrosis\b/
_NODES: /nodes\b/
_SET: /set\b/
_VERTICES: /vertices\b/
_SURFACE: /surface\b/
_OPEN: "("
_CLOSE: ")"
_COMMA: ","
_DOTS: ".."
%ignore /\s+/
"""

READABLE = {
    "AXIS": "x, y or z",
    "RELATION": "<, <=, ==, >= or >",
    "NUMBER": "a number",
    "INDEX": "a whole number",
    "NAME": "a name",
    "TEXT": "a text in quotes",
    "_AND": "'and'",
    "_OR": "'or'",
    "_OPEN": "'('",
    "_CLOSE": "')'",
    "_COMMA": "','",
    "_DOTS": "'..'",
    "$END": "the end",
}


def parsed(where: str) -> Tree:
    """Parse a region.

    Raises:
        ValueError: the text is no region; says where, and what could stand there.
    """
    try:
        return _parser().parse(where)
    except UnexpectedInput as error:
        raise ValueError(_syntax_message(where, error)) from None


def with_paths_from(folder: Path, where: str) -> str:
    """The same region, its files named by their full paths.

    Args:
        folder: that paths in the text start from.
        where: text in the language of this module; returned as it is if it is not.
    """
    for token in sorted(_files(where), key=lambda token: -token.start_pos):
        path = f"{token[0]}{(folder / token[1:-1]).resolve()}{token[0]}"
        where = where[: token.start_pos] + path + where[token.end_pos :]
    return where


def paths_in(where: str) -> list[str]:
    """Files that a region names; none if the text is no region."""
    return [str(token[1:-1]) for token in _files(where)]


def _files(where: str) -> list[Token]:
    """Names of files in a region, with their quotes."""
    if "vertices" not in where:
        return []
    try:
        tree = parsed(where)
    except ValueError:
        return []
    return [token for found in tree.find_data("vertices") for token in found.children]


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr")


def _syntax_message(where: str, error: UnexpectedInput) -> str:
    advice = ""
    if isinstance(error, UnexpectedCharacters):
        found, column, expected = repr(error.char), error.column, error.allowed
    else:
        at_end = error.token.type == "$END"
        found = "the end" if at_end else repr(str(error.token))
        column = len(where) + 1 if at_end else error.column
        expected = error.expected
    names = sorted({READABLE.get(name, name.lower().strip("_")) for name in expected})
    if not isinstance(error, UnexpectedCharacters):
        near = difflib.get_close_matches(str(error.token), names, n=1)
        advice = f"; did you mean {near[0]}?" if near else ""
    return (
        f'region "{where}": found {found} at column {column}, '
        f"expected {', '.join(names[:-1])}{' or ' if names[1:] else ''}{names[-1]}"
        + advice
    )
