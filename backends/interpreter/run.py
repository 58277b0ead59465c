"""The interpreter: each operation by its NumPy meaning, one at a time. It is the oracle for every other backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from irad.backends.interpreter.trace import Trace, Tracer

from irad.errors import InternalError, Span, exception_class, located
from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Module, Node
from irad.graph.walk import Task, run
from irad.primitives.list import add_items, zero_item
from irad.types import Array, List, Scalar, Stack, Static, Struct, Sum, Type

__all__ = ["interpret", "raise_built_in"]

MAX_DEPTH = 20_000
LISTS = frozenset({"list_add", "list_get", "list_clear", "list_take", "list_plus"})


def interpret(module: Module, args: Sequence[Any], *, trace: Trace | None = None) -> Any:
    """The value of the module's entry for NumPy scalars, arrays and tuples of them.

    Raises what the program raises. `trace` is told each operation, with its operands and its value.
    """
    with np.errstate(all="ignore"):
        return run(_Interpreter(module, trace).graph(module.entry, args, None))


class _Frame:
    """One activation of a function graph; the graphs nested in it as branches and loops share its values."""

    __slots__ = ("graph", "outer", "values")

    def __init__(self, graph: Graph, outer: _Frame | None) -> None:
        self.graph, self.outer = graph, outer
        self.values: dict[Node, Any] = {}

    def __getitem__(self, node: Node) -> Any:
        if node.__class__ is Constant:
            return _constant(node)
        frame: _Frame | None = self
        while frame is not None:
            if node in frame.values:
                return frame.values[node]
            frame = frame.outer
        raise InternalError(f"{node!r} has no value")


def _undefined(t: Type) -> Any:
    """A field of what is undefined may be handed on."""
    return tuple(map(_undefined, t.items)) if isinstance(t, Struct) else None


def _constant(node: Constant) -> Any:
    if node.value is UNDEF:
        return _undefined(node.type)
    return node.type.dtype.type(node.value) if isinstance(node.type, Scalar) else node.value


class _Interpreter:
    def __init__(self, module: Module, trace: Trace | None) -> None:
        self.module, self.trace, self.depth = module, trace, 0

    def graph(self, graph: Graph, args: Sequence[Any], caller: _Frame | None) -> Task:
        """Call a function graph: a frame of its own, inside the frame of the graph it is nested in."""
        outer = caller
        while outer is not None and outer.graph is not _owner(graph.parent):
            outer = outer.outer
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise RecursionError("maximum recursion depth exceeded in the interpreter")
        frame = _Frame(graph, outer if graph.parent is not None else None)
        result = yield self.body(graph, args, frame)
        self.depth -= 1
        return result

    def body(self, graph: Graph, args: Sequence[Any], frame: _Frame) -> Task:
        values = frame.values
        for p, a in zip(graph.params, args, strict=True):
            values[p] = a
        if self.trace is not None:
            self.trace.enter(graph, args)
        for node in graph.body:
            xs = [frame[a] for a in node.args]
            if node.graphs:
                value = yield self.control(node, xs, frame)
            else:
                value = self.operation(node, xs)
            values[node] = value
            if self.trace is not None:
                self.trace.step(node, xs, value)
        if self.trace is not None:
            self.trace.leave(graph)
        return frame[graph.output]

    def control(self, node: Apply, xs: list[Any], frame: _Frame) -> Task:
        name, graphs = node.fn.name, node.graphs
        if name == "call":
            return (yield self.graph(graphs[0], xs, frame))
        if name in ("cond", "fused"):
            return (yield self.body(graphs[0 if name == "fused" or xs[0] else 1], (), frame))
        (body,) = graphs
        if name == "for_loop":
            state, n = xs[1:], int(xs[0])
            for i in range(n):
                out = yield self.body(body, [np.int64(i), *state], frame)
                state = [out] if len(state) == 1 else list(out)
        elif name == "while_loop":
            state, again = xs, True
            while again:
                again, out = yield self.body(body, state, frame)
                state = [out] if len(state) == 1 else list(out)
        else:
            raise InternalError(f"the interpreter cannot run `{name}`: expand the transforms first")
        return state[0] if len(state) == 1 else tuple(state)

    def operation(self, node: Apply, xs: list[Any]) -> Any:
        name = node.fn.name
        if node.fn.order == "effect":
            return self.effect(node, xs)
        if name == "project_zero":
            return self.project_zero(node, xs[0])
        if name in LISTS:
            return self.list_operation(name, node, xs)
        if name == "pop_zero":
            assert isinstance(node.type, Struct)
            return (xs[0][1], xs[0][0]) if xs[0] else (self.zero(node.type.items[0]), ())
        if name == "add_sum":
            return self.add(node.type, xs[0], xs[1])
        if any(x is None for x in xs) and node.fn.elementwise:
            if name == "select" and isinstance(xs[0], (bool, np.bool_)):
                return xs[1] if xs[0] else xs[2]  # the other side is not read
            return None  # computed from a value that is never read
        if name == "dim" and xs[0] is None:
            return np.int64(0)  # as in machine code: zeros of its size are never read either
        try:
            return node.fn.ref(*xs, **node.facts())  # type: ignore[operator, misc]
        except (ArithmeticError, ValueError, LookupError, MemoryError) as e:
            raise located(e, node.span) from None
        except Exception as e:
            raise InternalError(f"the interpreter's `{name}` failed: {type(e).__name__}: {e}") from e

    def effect(self, node: Apply, xs: list[Any]) -> Any:
        facts = node.facts()
        if node.fn.name == "print":
            print(facts["format"].format(*map(_shown, xs)))
        elif node.fn.name == "raise":
            raise_built_in(facts["error"], facts["message"].format(*map(_shown, xs)), node.span)
        elif not xs[0]:
            raise_built_in(facts["error"], facts["message"].format(*map(_shown, xs[1:])), node.span)
        return ()

    def list_operation(self, name: str, node: Apply, xs: list[Any]) -> Any:
        """Lists of cotangents, in which what is missing is zero."""
        x, *rest = xs
        t = node.args[0].type
        assert isinstance(t, List)
        zero = zero_item(t.item)
        if name == "list_plus":
            y = rest[0]
            n = max(len(x), len(y))
            x, y = (*x, *[zero] * (n - len(x))), (*y, *[zero] * (n - len(y)))
            return tuple(map(add_items, x, y))
        i = int(rest[0])
        if name == "list_get":
            return x[i] if i < len(x) else zero
        if name == "list_take":
            return (x[i] if i < len(x) else zero, x[:i])
        if name == "list_clear":
            return (*x[:i], zero, *x[i + 1 :]) if i < len(x) else x
        x = (*x, *[zero] * (i + 1 - len(x)))
        return (*x[:i], add_items(x[i], rest[1]), *x[i + 1 :])

    def project_zero(self, node: Apply, value: Any) -> Any:
        if value is not None and value[0] == node.static[0]:
            return value[1]
        assert isinstance(node.type, Struct)
        return tuple(self.zero(t) for t in node.type.items)

    def zero(self, t: Type) -> Any:
        if isinstance(t, Scalar):
            return t.dtype.type(0)
        if isinstance(t, Array):
            return np.zeros(t.shape, t.dtype.dtype)
        if isinstance(t, Struct):
            return tuple(map(self.zero, t.items))
        if isinstance(t, (Stack, List)):
            return ()
        if isinstance(t, Sum):
            return None
        raise InternalError(f"{t} has no zero")

    def add(self, t: Type, x: Any, y: Any) -> Any:
        """Add two cotangents of any type, fields of sums included; iterative in the depth of the value."""
        return run(self._add(t, x, y))

    def _add(self, t: Type, x: Any, y: Any) -> Task:
        if isinstance(t, Struct):
            out = []
            for u, a, b in zip(t.items, x, y, strict=True):
                out.append((yield self._add(u, a, b)))
            return tuple(out)
        if isinstance(t, Sum):
            if x is None or y is None:
                return y if x is None else x
            fields = []
            for u, a, b in zip(self.module.sums[t.name][x[0]], x[1], y[1], strict=True):
                fields.append((yield self._add(u, a, b)))
            return (x[0], tuple(fields))
        if isinstance(t, Stack):
            if not x or not y:
                return x or y
            below = yield self._add(t, x[0], y[0])
            item = yield self._add(t.item, x[1], y[1])
            return (below, item)
        return x + y


def _owner(graph: Graph | None) -> Graph | None:
    """The function graph whose frame holds the values of `graph`."""
    while graph is not None and graph.role != "function":
        graph = graph.parent
    return graph


def _shown(x: Any) -> Any:
    """A NumPy scalar as Python prints its own."""
    return x.item() if isinstance(x, np.generic) else x


def raise_built_in(name: str, message: str, span: Span | None) -> None:
    """Raise the exception `name`."""
    kind = exception_class(name) or RuntimeError
    raise located(kind(message) if message else kind(), span)


def loaded(module: Module, trace: Callable[[str], Any] | None = None) -> Callable[[Sequence[Any]], Any]:
    """The module as a function of the leaves of its arguments; `trace` is given a line of text for each operation."""
    from irad.structures import flatten, own, restore

    params = [p.type for p in module.entry.params]

    def call(leaves: Sequence[Any]) -> Any:
        feed = iter(leaves)
        tracer = Tracer(module, trace) if trace is not None else None
        result = interpret(module, [_argument(t, feed) for t in params], trace=tracer)
        out: list[Any] = []
        flatten_result(module.entry.output.type, result, out)
        held = [x for x in leaves if isinstance(x, np.ndarray)]
        out = [own(x, held) if isinstance(x, np.ndarray) else x for x in out]
        return restore(module.entry.output.type, iter(out))

    def flatten_result(t: Type, value: Any, out: list[Any]) -> None:
        if isinstance(t, Struct):
            for u, v in zip(t.items, value, strict=True):
                flatten_result(u, v, out)
        else:
            flatten(value, t, out)

    return call


def _argument(t: Type, leaves: Any) -> Any:
    """An argument of type t as the interpreter holds it."""
    if isinstance(t, Scalar):
        return t.dtype.type(next(leaves))
    if isinstance(t, Struct):
        return tuple([_argument(u, leaves) for u in t.items])
    if isinstance(t, Static):
        return t.value
    return next(leaves)
