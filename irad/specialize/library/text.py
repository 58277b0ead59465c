"""Text, which exists at compile time but for the numbers in it: print, str, the message of an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irad.errors import exception_class
from irad.graph.nodes import Constant, Node
from irad.specialize import objects
from irad.specialize.library.table import handles, need
from irad.specialize.objects import is_list, is_tuple, joined_text
from irad.specialize.values import Compound, Known, is_number

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


@handles(print)
def _print(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    sep = kwargs.pop("sep", Known(" "))
    need(s, "print", args, kwargs, 0, 1000)
    parts: list[Any] = []
    for i, a in enumerate(args):
        parts += ([sep] if i else []) + [a]
    text, values = text_parts(s, Compound("text", None, parts))
    s.b.print_(*values, format=text)
    return Known(None)


@handles(str)
def _str(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    need(s, "str", args, kwargs, 0, 1)
    return joined_text(s, [Compound("format", ("s", ""), args)]) if args else Known("")


def text_parts(s: Specializer, v: Any) -> tuple[str, list[Node]]:
    """A format string and the nodes that it shows."""
    nodes: list[Node] = []
    out: list[str] = []

    def show(x: Any, conversion: str = "", spec: str = "") -> None:
        if is_number(x) and not isinstance(x, Constant):
            out.append("{" + str(len(nodes)) + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}")
            nodes.append(x)
        elif isinstance(x, (Known, Constant)):
            out.append(objects.formatted(s, x.value, conversion, spec).replace("{", "{{").replace("}", "}}"))
        elif isinstance(x, Compound) and x.kind == "text":
            for c in x.children:
                show(c)
        elif isinstance(x, Compound) and x.kind == "format":
            show(x.children[0], *x.head)
        elif is_tuple(x) or is_list(x):
            items = list(objects.known_items(s, x))
            out.append("(" if is_tuple(x) else "[")
            for i, c in enumerate(items):
                out.append(", " if i else "")
                show(c, "r")
            out.append(",)" if is_tuple(x) and len(items) == 1 else ")" if is_tuple(x) else "]")
        else:
            raise s.refuse(
                "unsupported-text",
                f"{s.describe(x)} cannot be shown by compiled code",
                help="show numbers, strings, and tuples and lists of them; return arrays, and print them outside",
            )

    show(v)
    return "".join(out), nodes


def emit_raise(s: Specializer, v: Any) -> None:
    """raise v."""
    cls, args = (
        (v.value, [])
        if isinstance(v, Known)
        else (v.head, list(v.children))
        if isinstance(v, Compound) and v.kind == "exception"
        else (None, [])
    )
    if not (isinstance(cls, type) and issubclass(cls, Exception)):
        raise s.refuse(
            "unsupported-raise",
            f"{s.describe(v)} cannot be raised",
            help='raise a built-in exception with a message: ValueError("...")',
        )
    name = cls.__name__
    if exception_class(name) is not cls:
        raise s.refuse(
            "unsupported-raise",
            f"`{name}` is not a built-in exception",
            help="raise ValueError or RuntimeError, and translate it where the function is called",
        )
    if cls is NotImplementedError and s.in_library():
        message, help = (text_parts(s, a)[0] for a in args)
        raise s.refuse("unsupported-call", message, help=help)
    if len(args) > 1:
        raise s.refuse(
            "unsupported-raise",
            "an exception takes one message in compiled code",
            help='put the values into an f-string: ValueError(f"{x} is negative")',
        )
    text, values = text_parts(s, args[0]) if args else ("", [])
    s.b.raise_(*values, error=name, message=text)
