"""Small programs of IR text, and the functions that call them: what tests of the native call path share.

`called` gives the function a user would hold, whose slow path says that it was taken.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CellType
from typing import Any

from irad.backends.llvm.emit import Program, emit_module
from irad.backends.llvm.native import Stub, new_native, set_stubs
from irad.backends.llvm.plan import Bound, CallPlan, Dynamic, Guard, Identical
from irad.backends.llvm.stub import compile_stub

from irad.graph.parse import parse_module
from irad.primitives import REGISTRY
from irad.types import Form

Point = namedtuple("Point", "x y")
Form.of_class("namedtuple", Point, Point._fields)
POINT = f"{Point.__module__}.Point"


@dataclass
class Pair:
    a: float
    b: float


def program(text: str) -> Program:
    return emit_module(parse_module(text, REGISTRY).module)


def identity(t: str) -> Program:
    return program(f"graph @f(%x: {t}) -> {t} {{ return %x; }}")


SINE = "graph @f(%x: float) -> float { %0: float = sin(%x); return %0; }"
ADD = "graph @f(%x: float, %y: float) -> float { %0: float = add(%x, %y); return %0; }"
FAILING = """
graph @f(%x: float, %n: int) -> float {
  graph @body(%i: int, %s: stack[float]) -> stack[float] { %0: stack[float] = push(%s, %x); return %0; }
  %1: stack[float] = empty_stack(of=float);
  %2: stack[float] = for_loop(%n, @body, %1);
  %3: int = stack_size(%2);
  %4: bool = gt(%x, 0.0);
  assert(%4, %x, %3, error="ValueError", message="{0} {1}");
  return %x;
}
"""
RECURSIVE = """
graph @main(%m: int) -> int { %0: int = @f(%m); return %0; }
graph @f(%n: int) -> int {
  %1: bool = le(%n, 0);
  graph @zero() -> int { return 0; }
  graph @more() -> int { %2: int = sub(%n, 1); %3: int = @f(%2); %4: int = add(%3, 1); return %4; }
  %5: int = cond(%1, @zero, @more);
  return %5;
}
"""


def slowly(*args: Any, **kwargs: Any) -> Any:
    return ("slow", args, kwargs)


def raiser(site: int, values: bytes) -> None:
    raise ValueError(site, values)


def wanted_types(p: Program) -> list[Dynamic]:
    return [Dynamic(t) for t in p.params]


def stub_of(p: Program | str, *, cells: Sequence[CellType] = (), guards: Sequence[Guard] = (), **plan: Any) -> Stub:
    """The stub of a program, bound to these cells and guards."""
    p = program(p) if isinstance(p, str) else p
    plan.setdefault("arguments", wanted_types(p))
    made = CallPlan(raiser=raiser, rebuild=lambda leaves: ("rebuilt", leaves), guards=len(guards), **plan)
    objects = [a.object for a in made.arguments if isinstance(a, Identical)]
    return compile_stub(p, made).bound(Bound(objects, cells, guards))


def called(p: Program | str, *, slow: Callable[..., Any] = slowly, **plan: Any) -> Any:
    f = new_native(slow)
    set_stubs(f, [stub_of(p, **plan)])
    return f


def went_slow(result: Any) -> bool:
    return isinstance(result, tuple) and result[:1] == ("slow",)


def same(a: Any, b: Any) -> bool:
    """Equal, of the same types, and NaN equal to itself."""
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))
