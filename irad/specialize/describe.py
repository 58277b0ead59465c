"""Abstract values and shapes in the words of messages; where they are made; what cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irad.errors import CompileError, Diagnostic, Note, Span
from irad.graph.nodes import Apply
from irad.specialize.values import Compound, Conflict, Known, Ref, Shape, Tied
from irad.types import complex_text


def ambiguous(what: str, kind: str, spans: Sequence[Span | None]) -> Shape:
    """Which of two objects a name stands for is known at run time only."""
    notes = [Note("one of them is named", s) for s in dict.fromkeys(spans) if s is not None]
    message = f"{what} is one {NOUNS.get(kind, kind)} on one path and another on the other"
    help = "copy it first, or read and write each in its own branch"
    return ("conflict", Tied(Conflict(Diagnostic("ambiguous-alias", message, None, "", notes, help))))


SHOWN = 4  # items of a list or dict in a message


NOUNS = {
    "items": "list",
    "growing": "list",
    "instance": "object",
    "text": "string",
    "generator": "generator expression",
    "built-in method": "method",
    "fields": "object",
    "entries": "dict",
}


def _with_article(kind: str) -> str:
    noun = NOUNS.get(kind, kind)
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def describe(shape: Shape) -> str:
    """A shape in words, for messages."""
    kind = shape[0]
    if kind in ("leaf", "const"):
        t = shape[1].type if kind == "const" else shape[1]
        return str(t)
    if kind == "known":
        v = shape[2].value.value
        return repr(v) if v is None or isinstance(v, str) else f"`{getattr(v, '__name__', v)}`"
    if kind == "compound":
        if shape[1] == "tuple":
            return f"({', '.join(map(describe, shape[3]))}{',' if len(shape[3]) == 1 else ''})"
        if shape[1] == "complex":
            return describe_complex(shape[3][0])
        return f"the function `{getattr(shape[2][0], 'name', '')}`" if shape[1] == "function" else _with_article(shape[1])
    if kind == "new":
        return describe_object(shape)
    if kind == "ref":
        return _with_article(shape[1].kind)
    if kind == "maybe":
        return describe(shape[1])
    if kind == "choice":
        return "one of several functions"
    return {"unbound": "not bound"}.get(kind, "a value without one type")


def describe_complex(part: Shape) -> str:
    """A complex value, by the shape of its real part."""
    kind = part[0]
    if kind in ("leaf", "const"):
        return complex_text(part[1].type if kind == "const" else part[1])
    return complex_text(part[4][1]) if kind == "new" and part[4][0] == "leaf" else "a complex array"


def describe_object(shape: Shape) -> str:
    kind, head, content = shape[2:5]
    if kind == "instance" and head is not None:
        return f"an instance of `{head.__name__}`"
    if kind == "list" and content[1] == "growing":
        return f"a list of {describe(content[2])}, of a length known at run time only"
    if kind == "list" and content[0] == "compound":
        return f"[{_shortened([describe(c) for c in content[3]])}]"
    if kind == "dict" and content[0] == "compound":
        return f"{{{_shortened([f'{k!r}: {describe(c)}' for k, c in zip(content[2], content[3], strict=True)])}}}"
    return describe(content) if kind == "array" else _with_article(kind)


def _shortened(items: list[str]) -> str:
    return ", ".join(items if len(items) <= SHOWN else [*items[:SHOWN], f"... {len(items) - SHOWN} more"])


def origin(v: Any) -> Span | None:
    """Where a value is made, as far as that is known."""
    if isinstance(v, Ref):
        return v.obj.span
    if isinstance(v, Apply):
        return v.span
    if isinstance(v, Compound) and v.kind == "tuple":
        return next((s for c in v.children for s in [origin(c)] if s is not None), None)
    return None


def unreadable(c: Conflict | Shape, span: Span | None) -> CompileError:
    """The error of reading a conflict at `span`."""
    d = (c if isinstance(c, Conflict) else c[1].value).diagnostic
    return CompileError(Diagnostic(d.name, d.message, span, d.label, list(d.notes), d.help))


def defined(fn: Any) -> list[Note]:
    """Where a function that a transform is taken of is defined."""
    while isinstance(fn, Compound) and fn.kind == "transform":
        fn = fn.children[0]
    function = fn.value if isinstance(fn, Known) else fn.head[1] if isinstance(fn, Compound) and fn.kind == "function" else None
    code = getattr(function, "__code__", None)
    return [Note("the function is defined", Span(code.co_filename, code.co_firstlineno))] if code is not None else []
