"""The operations of the python stage: Python's own, not yet given types or meaning.

They live in a registry of their own, since only the frontend writes them and only the specializer reads them. Blocks
(bodies of `if`, loops, conditional expressions) are graphs of role "block"; they share the variables of their function.
Variables are named: `up` counts the functions between the use and the function that owns the variable.
"""

from __future__ import annotations

from irad.errors import refuse
from irad.graph.nodes import Module
from irad.graph.walk import all_graphs
from irad.primitives.table import EFFECT, Missing, Primitive
from irad.types import OBJECT, UNIT

__all__ = ["PYTHON", "refuse_python_stage"]

_UNTYPED = Missing("an operation of the python stage: specialize gives it a meaning")

PYTHON: dict[str, Primitive] = {}


def _operation(name: str, doc: str, *statics: str, graphs: int = 0, before: int = 0, statement: bool = False) -> None:
    PYTHON["py_" + name] = Primitive(
        "py_" + name,
        lambda *types, **facts: UNIT if statement else OBJECT,
        doc=doc,
        ref=_UNTYPED,
        vjp=_UNTYPED,
        jvp=_UNTYPED,
        llvm=_UNTYPED,
        statics=statics,
        layout=(before, graphs) if graphs else None,
        order=EFFECT if statement else "python",
    )


# variables
_operation("load", "A variable of this function, or of one around it.", "name", "up")
_operation("store", "Bind a variable.", "name", "up", statement=True)
_operation("delete", "Unbind a variable.", "name", "up", statement=True)
_operation("global", "A global or built-in name.", "name")
_operation("free", "A variable that the compiled function captured from Python.", "name")
_operation("import", "A module.", "name")
# expressions
_operation("unary", "-x, +x, ~x, not x.", "op")
_operation("binary", "x + y and the like.", "op")
_operation("inplace", "What x += y rebinds x to.", "op")
_operation("compare", "x < y and the like.", "op")
_operation("imaginary", "The complex number 1j times a value.", "value")
_operation("getattr", "x.name.", "name")
_operation("getitem", "x[i].")
_operation("slice", "start:stop:step.")
_operation("call", "f(...): `kinds` has '' for a plain argument, '*', '**', or a keyword for each.", "kinds")
_operation("tuple", "(x, *y): `stars` marks what is unpacked.", "stars")
_operation("list", "[x, *y].", "stars")
_operation("dict", "{k: v}: keys, then values.")
_operation("text", "An f-string: literal text and values in turn.")
_operation("format", "A value as text.", "conversion", "spec")
_operation("unpack", "n values out of x; `star` is the position of the starred target, -1 for none.", "n", "star")
_operation("part", "A value out of an unpacking.", "index")
_operation("function", "A function made here; its defaults are the arguments.", graphs=1)
_operation("generator", "A generator over an iterable.", "kind", graphs=1)
_operation("choose", "then() if x else orelse(): conditional expressions, and, or, chained comparisons.", graphs=2, before=1)
# statements
_operation("setattr", "x.name = v.", "name", statement=True)
_operation("setitem", "x[i] = v.", statement=True)
_operation("if", "if x: then else: orelse.", graphs=2, before=1, statement=True)
_operation("while", "while test: body else: orelse.", graphs=3, statement=True)
_operation("for", "for item in x: body else: orelse; the body takes the item.", graphs=2, before=1, statement=True)
_operation("return", "return x.", statement=True)
_operation("break", "break.", statement=True)
_operation("continue", "continue.", statement=True)
_operation("raise", "raise x.", statement=True)
_operation("assert", "assert test, message.", graphs=1, before=1, statement=True)
_operation("yield", "yield x, in a generator expression.", statement=True)


def refuse_python_stage(module: Module) -> None:
    """Raise CompileError for a module that has no types yet."""
    for g in all_graphs(module):
        if any(p.type is OBJECT for p in g.params) or any(n.fn.name in PYTHON for n in g.body):
            raise refuse(
                "ir-stage",
                f"{g} is of the python stage: it has no types, so nothing runs it",
                help="irad reads this text to look at it; `irad ir --stage typed` prints text that runs",
            )
