"""Calls of other functions, and what a program does besides computing: it checks, raises, prints."""

from __future__ import annotations

from typing import Any

from irad.backends.llvm import polls, runtime
from irad.backends.llvm.layout import WIDE, flat, scalar_type

from irad.graph.nodes import Apply
from irad.graph.walk import Task

__all__ = ["OPERATIONS", "call"]

Operands = tuple[str, ...]


def call(e: Any, node: Apply, p: Any) -> Task:
    yield from ()
    (g,) = node.graphs
    if g in e.m.recursive and e.graph in e.m.recursive and node.graph not in e.charged:
        assert node.graph is not None
        e.charged.add(node.graph)
        polls.charge(e, e.m.work.cost[node.graph])
    fails = g in e.m.failing
    types = (["i1"] if fails else []) + list(flat(g.result))
    returned = "void" if not types else f"{{ {', '.join(types)} }}"
    args = ["ptr %ctx"]
    for a in node.args:
        args += [f"{t} {v}" for t, v in zip(flat(a.type), e.get(a), strict=True)]
    text = f"call fastcc {returned} {e.m.names[g]}({', '.join(args)})"
    if not types:
        e.do(text)
        e.values[node] = ()
        return
    result = e.emit(text)
    first = 0
    if fails:
        failed = e.emit(f"extractvalue {returned} {result}, 0")
        go_on = e.new_label("ok")
        e.branch(failed, "failed", go_on, unlikely=True)
        e.start(go_on)
        first = 1
    e.values[node] = tuple(e.emit(f"extractvalue {returned} {result}, {first + i}") for i in range(len(types) - first))


def assert_(e: Any, node: Apply) -> Operands:
    bad = e.emit(f"xor i1 {e.one(node.args[0])}, true")
    error, message = node.static
    e.fail_if(bad, error, message, [(a, e.one(a)) for a in node.args[1:]])
    return ()


def print_(e: Any, node: Apply) -> Operands:
    """Python's print is called; where it raises, so does the program."""
    e.used.add("irad.print")
    words = e.in_frame("shown", f"[{max(len(node.args), 1)} x i64]")
    for i, a in enumerate(node.args):
        t, x = scalar_type(a.type), e.one(a)
        if t in WIDE:
            x, t = e.emit(WIDE[t].format(x)), WIDE[t].split()[-1]
        e.put(t, x, words, 8 * i)
    site = e.m.site(runtime.PRINT, node.static[0], node.span, "".join(a.type.kind for a in node.args))  # type: ignore[attr-defined]
    status = e.emit(f"call i32 @irad.print(ptr %ctx, i64 {site}, ptr {words}, i64 {8 * len(node.args)})")
    go_on = e.new_label("printed")
    e.branch(e.emit(f"icmp ne i32 {status}, 0"), "failed", go_on, unlikely=True)
    e.start(go_on)
    return ()


def raise_(e: Any, node: Apply) -> Operands:
    error, message = node.static
    cold, never = e.new_label("fail"), e.new_label("never")
    e.jump(cold)
    e.cold(cold, error, message, [(a, e.one(a)) for a in node.args])
    e.start(never)
    return ()


OPERATIONS = {"assert": assert_, "raise": raise_, "print": print_}
