"""Text to modules and types: `parse_module` and `parse_signature`, the inverse of `irad.graph.text`.

First the text is scanned for what it would cost to read: length, nesting, statements. Then Lark (LALR, so time is linear
in the text) calls a method of `_Rules` for each part as soon as it has read it; no tree of the text is made. Then
`irad.graph.link` makes nodes. Nothing in the text is evaluated or imported.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

from irad.errors import CompileError, Diagnostic, Span, refuse
from irad.graph.build import constant, literal
from irad.graph.link import Application, Linker, Places, Reference, Statement, Text
from irad.graph.nodes import UNDEF, Constant, Module
from irad.graph.read_types import LARGEST, TextError, TypeRules, dim_of, number, unquoted
from irad.types import BOOL, FLOAT, INT, OBJECT, SCALARS, UNIT, Dim, Scalar, Static, Type, leaves

__all__ = ["UNLIMITED", "Limits", "Parsed", "parse_module", "parse_signature"]

TYPE_DEPTH = 100  # of types and facts in each other: they are walked by recursion


class Limits(NamedTuple):
    """What a text may cost at most: characters, graphs in each other, statements."""

    length: int = 10_000_000
    depth: int = 1_000
    nodes: int = 200_000


LIMITS, UNLIMITED = Limits(), Limits(2**62, 2**62, 2**62)


@dataclass(slots=True)
class Parsed:
    """A module and where its text has what: for diagnostics about it."""

    module: Module
    text: str
    file: str
    places: Places

    def refusal(self, name: str, message: str, about: Any, help: str = "") -> CompileError:
        """The diagnostic for a node or graph of the module."""
        return _refusal(self.text, self.file, name, message, self.places.get(about), help)


def parse_module(text: str, primitives: Mapping[str, Any], *, file: str = "<ir>", limits: Limits = LIMITS) -> Parsed:
    """The module that `text` describes. Raises CompileError with the text's line where it is not IR."""
    from lark.exceptions import UnexpectedInput

    try:
        scanned = _scan(text, limits)
        items = _parser("ir").parse(text)
        linker = Linker(primitives, scanned.spans)
        return Parsed(linker.link(items), text, file, linker.places)
    except UnexpectedInput as e:
        message, help = _unexpected(e, text)
        raise _refusal(text, file, "ir-syntax", message, e, help) from None
    except TextError as e:
        raise _refusal(text, file, e.name, e.message, e.token, e.help) from None


def parse_signature(text: str) -> tuple[list[Type], Type | None]:
    """The types of the arguments and of the result of "f64[3], int -> f64"; None where the result is left out."""
    from lark.exceptions import UnexpectedInput

    try:
        _scan(text, LIMITS)
        types, result = _parser("signature").parse(text)
    except UnexpectedInput:
        raise refuse("signature", f"{text!r} is not a signature", help='write types, as in "f64[3], int -> f64"') from None
    except TextError as e:
        raise refuse(e.name, e.message, help=e.help or HELP[e.name]) from None
    if any(OBJECT in leaves(t) for t in types):
        raise refuse("ir-type", "no type of an argument is called object", help=HELP["ir-type"])
    return types, result


# -- what the text would cost -----------------------------------------------------------------------------------------

_SCAN = re.compile(r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#([^\n]*)|\bgraph\b|[][(){};]|\n""")
_SPAN = re.compile(r"\s*(.+?):([0-9]+)\s*(?:;.*)?")  # remarks follow a semicolon
_MAX_LINE = 10**9  # of a file, in a comment


@dataclass(slots=True)
class _Scanned:
    spans: dict[int, Span] = field(default_factory=dict)


class _Mark(NamedTuple):
    """A place in the text."""

    line: int
    column: int


def _scan(text: str, limits: Limits) -> _Scanned:
    """The spans that comments give, by line; raises TextError where the text exceeds a limit."""
    if len(text) > limits.length:
        raise TextError("ir-too-large", None, f"the text has {len(text)} characters, more than max_length={limits.length}")
    if not text.isascii():
        _names(text)
    found = _Scanned()
    line, start = 1, 0
    depth = base = nodes = 0
    for m in _SCAN.finditer(text):
        token = m[0]
        if token == "\n":
            line, start = line + 1, m.end()
        elif token in "([{":
            depth += 1
            if depth - base > TYPE_DEPTH:
                raise TextError(
                    "ir-too-deep", _Mark(line, m.start() - start + 1), f"types are nested more than {TYPE_DEPTH} deep"
                )
        elif token in ")]}":
            depth -= 1
        elif token == ";":
            base, nodes = depth, nodes + 1
            if nodes > limits.nodes:
                raise TextError(
                    "ir-too-large",
                    _Mark(line, m.start() - start + 1),
                    f"the text has more statements than max_nodes={limits.nodes}",
                )
        elif token == "graph":
            base = depth
            if depth > limits.depth:
                raise TextError(
                    "ir-too-deep",
                    _Mark(line, m.start() - start + 1),
                    f"graphs are nested deeper than max_depth={limits.depth}",
                )
        elif token[0] == "#":
            s = _SPAN.fullmatch(m[1])
            if s is not None and len(s[2]) < 10:
                found.spans[line] = Span(s[1], int(s[2]))
    return found


_WORD = re.compile(r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#[^\n]*|\w+""")


def _names(text: str) -> None:
    """Names are those of Python, as Python has them: two that it takes for one would become one in source code."""
    for m in _WORD.finditer(text):
        word = m[0]
        if word[0] in "\"'#" or word.isascii():
            continue
        if not f"_{word}".isidentifier() or unicodedata.normalize("NFKC", word) != word:
            before = text[: m.start()]
            place = _Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
            raise TextError(
                "ir-name", place, f"{word[:40]} is no name", "write letters and digits, normalized as Python does (NFKC)"
            )


# -- messages -----------------------------------------------------------------------------------------------------------

SHOWN = 90  # characters of a line
LONGEST = 1000  # characters of a message: it may name a type, of any length
HELP = {  # where a message has no more to say
    "ir-constant": "write a number of the type: 1.0 for a float, 1 for an integer of 64 bits",
    "ir-function-value": "call it, as @f(%x), or give it to cond, for_loop or while_loop",
    "ir-invalid": "`irad ir FILE:FUNCTION` prints valid text to compare with",
    "ir-name": "declare it once, above its use",
    "ir-operation": "`irad explain NAME` shows what an operation takes",
    "ir-scope": "pass it as an argument, or nest the graph that uses it in the other",
    "ir-syntax": "`irad ir FILE:FUNCTION` prints text that reads back",
    "ir-too-deep": "write graphs beside each other, or raise the limit: parse_ir(text, max_depth=...)",
    "ir-too-large": "raise the limit, if the text is what you mean: max_length=..., max_nodes=...",
    "ir-type": "types are written as f64, int, bool, f64[3], (int, f64)",
}


class TextSpan(Span):
    """A place in a text that no file need hold: it shows the line itself."""

    source: str  # what is shown of the line
    position: int  # the column in the text, counted from 1

    def source_line(self) -> str:
        return self.source

    def where(self) -> str:
        return f"{self.file}:{self.line}:{self.position}"


def _refusal(text: str, file: str, name: str, message: str, place: Any, help: str = "") -> CompileError:
    """The diagnostic with the line of the text, and a caret where the column is known."""
    help = help or HELP[name]
    message = message if len(message) <= LONGEST else f"{message[:LONGEST]}…"
    number, column = getattr(place, "line", None), getattr(place, "column", None)
    if not isinstance(number, int) or number < 1:
        return CompileError(Diagnostic(name, message, help=help))
    lines = text.split("\n", number)
    line = lines[number - 1] if number <= len(lines) else ""
    column = column if isinstance(column, int) and column > 0 else 1
    shift = max(0, column - 1 - SHOWN // 2)
    shown = "".join(c if c.isprintable() else " " for c in line[shift : shift + SHOWN])
    width = min(len(str(place)) if isinstance(place, str) else 1, max(1, SHOWN - (column - 1 - shift)))
    start = len(shown[: column - 1 - shift].encode())
    end = len(shown[: column - 1 - shift + width].encode())
    span = TextSpan(file, number, start, number, max(end, start + 1))
    span.source, span.position = shown, column
    return CompileError(Diagnostic(name, f"line {number}, column {column}: {message}", span, help=help))


_KINDS = {
    "NAME": "a name",
    "LOCAL": "a value as in %x",
    "GRAPH": "a graph as in @f",
    "NUMBER": "a number",
    "STRING": "a string",
}
_KINDS |= {"EQUALS": "`=`", "SIGN": "`+` or `-`", "INT": "a size", "TRAILING": "`,`", "$END": "the end", "OPAQUE": "`<`"}


def _unexpected(error: Any, text: str) -> tuple[str, str]:
    """(what stands where it cannot, what could)."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF

    terminals = error.allowed if isinstance(error, UnexpectedCharacters) else getattr(error, "expected", ())
    known = {t.name: t for t in _parser("ir").terminals}
    wanted: list[str] = sorted({_KINDS.get(t) or f"`{known[t].pattern.value}`" for t in terminals or () if t in known})
    listed = " or ".join([", ".join(wanted[:-1]), *wanted[-1:]] if len(wanted) > 1 else wanted)
    help = f"{listed} can stand here" if 0 < len(wanted) <= 6 else ""
    if isinstance(error, UnexpectedCharacters):
        return f"the character {text[error.pos_in_stream or 0]!r} cannot stand here", help
    token = getattr(error, "token", None)
    if isinstance(error, UnexpectedEOF) or token is None or token.type == "$END":
        return "the text ends in the middle", help
    return f"`{str(token)[:40]}` cannot stand here", help or "`irad ir FILE:FUNCTION` prints text that reads back"


# -- the grammar's rules ----------------------------------------------------------------------------------------------------


@functools.cache
def _parser(name: str) -> Any:
    from irad.grammar import parser

    rules = {**_callbacks(TypeRules), **_callbacks(TypeRules, "types__"), **_callbacks(RULES[name])}
    return parser(name, SimpleNamespace(**rules))


def _callbacks(rules: type, prefix: str = "") -> dict[str, Any]:
    """The methods of a class as Lark calls them, with a list; rules of an imported grammar have a prefix."""
    methods = {name: getattr(rules(), name) for name in vars(rules) if not name.startswith("_")}
    return {prefix + name: functools.partial(_spread, method) for name, method in methods.items()}


def _spread(method: Any, parts: list[Any]) -> Any:
    return method(*parts)


class _Signature:
    def start(self, types: list[Type], result: Type | None = None) -> tuple[list[Type], Type | None]:
        return types, result

    def signature(self, *types: Type) -> list[Type]:
        return list(types)

    def result(self, type: Type) -> Type:
        return type


def _number_constant(token: Any, type: Scalar, value: int | float) -> Constant:
    if type.kind == "i":
        limit = 2 ** (type.width - 1)
        if isinstance(value, float) or not -limit <= value < limit:
            raise TextError("ir-constant", token, f"{token} does not fit {type}")
        return constant(type, value)
    try:
        return constant(type, float(value))
    except OverflowError:
        raise TextError("ir-constant", token, f"{token} does not fit {type}") from None


class _Rules:
    """Called by Lark with the parts of a rule, inner ones first."""

    def start(self, *items: Any) -> list[Any]:
        return list(items)

    def sum_declaration(self, name: Any, *cases: Any) -> Any:
        return ("sum", name, cases)

    def case(self, *types: Any) -> tuple[Type, ...]:
        return tuple(t for t in types if isinstance(t, Type))

    def graph(self, name: Any, *parts: Any) -> Text:
        params = [p for p in parts if p.__class__ is tuple and p[0] == "param"]
        result = next(t for t in parts if isinstance(t, Type))
        place = next((p for p in parts if isinstance(p, Span)), None)
        return Text(name, params, result, place, [s for s in parts if isinstance(s, (Text, Statement))], parts[-1])

    def param(self, name: Any, type: Any) -> Any:
        return ("param", name, type)

    def assignment(self, name: Any, type: Any, equals: Any, operation: Any, place: Any = None) -> Statement:
        return Statement(operation, name, type, equals == "~", place)

    def effect(self, operation: Any, place: Any = None) -> Statement:
        return Statement(operation, None, UNIT, False, place)

    def application(self, name: Any, *args: Any) -> Application:
        facts = [(a[1], a[2]) for a in args if isinstance(a, tuple)]
        graphs = [a.name for a in args if isinstance(a, Reference) and a.name.type == "GRAPH"]
        values = [a for a in args if isinstance(a, Constant) or (isinstance(a, Reference) and a.name.type == "LOCAL")]
        return Application(name, values, graphs, facts)

    def direct_call(self, name: Any, *args: Any) -> Application:
        return Application(name, list(args), [], [])

    def named_fact(self, name: Any, value: Any) -> Any:
        return ("fact", name, value)

    def local(self, name: Any) -> Reference:
        return Reference(name)

    graph_reference = local

    def number(self, text: Any) -> Constant:
        value = number(text)
        return _number_constant(text, INT if isinstance(value, int) else FLOAT, value)

    def typed_number(self, name: Any, text: Any) -> Constant:
        type = TypeRules().scalar_type(name)
        if not isinstance(type, Scalar) or type is BOOL:
            raise TextError("ir-constant", text, f"{text} is not a {type}")
        return _number_constant(text, type, number(text))

    def true(self) -> Constant:
        return literal(True)

    def false(self) -> Constant:
        return literal(False)

    def none(self) -> Constant:
        return literal(None)

    def unit(self) -> Constant:
        return constant(UNIT, ())

    def undef(self, type: Any) -> Constant:
        return constant(type, UNDEF)

    def static(self, value: Any) -> Constant:
        return constant(Static(value), value)

    def number_fact(self, text: Any) -> int | float:
        value = number(text)
        if isinstance(value, int) and abs(value) > LARGEST:
            raise TextError("ir-constant", text, f"{text} does not fit 64 bits")
        return value

    def text_fact(self, text: Any) -> str:
        return unquoted(text)

    def none_fact(self) -> None:
        return None

    def true_fact(self) -> bool:
        return True

    def false_fact(self) -> bool:
        return False

    def tuple_fact(self, *items: Any) -> tuple[Any, ...]:
        return tuple(i for i in items if getattr(i, "type", "") != "TRAILING")

    def name_fact(self, name: Any) -> Any:
        """A scalar type, or a symbol of a shape: the fact's name tells."""
        return Dim.symbol(str(name)) if str(name) not in _TYPE_NAMES else TypeRules().scalar_type(name)

    def dim_fact(self, *parts: Any) -> int | Dim:
        signed = [p if getattr(p, "type", "") == "SIGN" else p if isinstance(p, list) else [p] for p in parts]
        return dim_of(tuple(signed))

    def product(self, *factors: Any) -> list[Any]:
        return list(factors)

    def factor(self, token: Any) -> Any:
        return token

    def place(self, file: Any, line: Any, column: Any) -> Span:
        numbers = [number(n) for n in (line, column)]
        if not all(isinstance(n, int) and 0 < n < _MAX_LINE for n in numbers):
            raise TextError("ir-constant", line, f"{line}:{column} is no line and column")
        return Span(unquoted(file), int(numbers[0]), int(numbers[1]) - 1)


_TYPE_NAMES = frozenset({*SCALARS, "object"})
RULES = {"ir": _Rules, "signature": _Signature}
