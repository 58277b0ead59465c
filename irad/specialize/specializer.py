"""Specialize: from the python stage to typed IR, by running functions abstractly with a store.

This is the one place that knows Python. A call makes (or finds) the copy of the callee for these shapes of arguments and
captured values; what the callee writes comes back as results. A copy that is called while it is being made is assumed
to end nowhere at first, then to give what its other paths give, until that settles.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from irad.errors import CompileError, Diagnostic, Note, Span, refuse
from irad.graph.build import Builder, constant
from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.walk import Task, run
from irad.numpy import FOLDER, is_library
from irad.primitives import REGISTRY
from irad.primitives.control import result_type
from irad.specialize import arrays, complexes, instances, library, operators, sizes
from irad.specialize.apart import apart
from irad.specialize.binding import bind, parameter_names
from irad.specialize.captures import Hidden, Path, is_structure
from irad.specialize.choices import Choices
from irad.specialize.complexes import functions as complex_functions
from irad.specialize.copies import Copy, Result
from irad.specialize.describe import describe, origin, unreadable
from irad.specialize.execute import Activation, Bottom, NeedsStatic
from irad.specialize.iteration import Iteration, iteration, iteration_now
from irad.specialize.liveness import RETURN
from irad.specialize.mixing import freeze_given, may_be_outer
from irad.specialize.numbers import fitting
from irad.specialize.operations import CALLABLE, OPERATIONS
from irad.specialize.paths import Exit, PathStore
from irad.specialize.shapes import Fitter, Shaper, leaf_types, rebuild, widen
from irad.specialize.store import Store, keys_of
from irad.specialize.values import Compound, Conflict, Known, Maybe, Obj, Ref, Shape, Unbound, absent
from irad.types import BOOL, FLOAT, INT, MACHINE, UNIT, Array, Dim, Scalar, Type

__all__ = ["Specializer"]

MAX_COPIES = 32  # of one function before known numbers are widened
LIBRARY = os.path.dirname(os.__file__)  # where the standard library's sources are
NESTED = 6  # calls of one of irad's own functions in each other that know their constants
MAX_RUNNING = 200  # copies of one function that wait for each other


def _is_foreign(function: FunctionType) -> bool:
    """Whether a function is NumPy's or SciPy's own: irad has a meaning for it in its tables, or none."""
    return (function.__module__ or "").split(".")[0] in ("numpy", "scipy")


def unset(name: str, free: bool) -> str:
    """What Python says of a variable without a value."""
    if free:
        return f"cannot access free variable '{name}' where it is not associated with a value in enclosing scope"
    return f"cannot access local variable '{name}' where it is not associated with a value"


class Specializer:
    """Specializes one program into one module."""

    Bottom = Bottom
    absent = staticmethod(absent)
    arrays = arrays

    def __init__(
        self,
        lower: Callable[[FunctionType], Graph],
        hooks: Mapping[str, Any] | None = None,
        choices: Choices | None = None,
        *,
        builder: type[Builder] = Builder,
    ) -> None:
        self.lower = lower
        self.choices = choices or Choices()
        self.choices.use()
        self.current: Activation = None  # type: ignore[assignment]
        self.hooks = dict(hooks or {})
        self.module = Module()
        self.b = builder(self.module, REGISTRY)
        self.store = Store()
        self.span: Span | None = None
        self.copies: dict[Any, Copy] = {}
        self.count: dict[Graph, int] = {}
        self.running: list[Copy] = []
        self.hints: dict[Any, dict[Any, Shape]] = {}
        self.paths: dict[FunctionType, Path] = {}
        self.dims: dict[Node, Dim] = {}  # the sizes that integers known at run time only are in shapes
        self.guards: dict[tuple[int, str], tuple[dict[str, Any], str, Any]] = {}
        self.object_guards: list[tuple[Any, str, Any]] = []
        self.on_call_of: tuple[Graph, type[Exception]] | None = None

    # -- refusals ----------------------------------------------------------------------------------------------------

    def refuse(self, name: str, message: str, *, help: str, notes: Sequence[Note] = ()) -> CompileError:
        return refuse(name, message, self.span, help=help, notes=list(notes))

    def needs_static(self, message: str, help: str) -> NeedsStatic:
        return NeedsStatic(Diagnostic("not-static", message, self.span, "", [], help))

    def describe(self, v: Any) -> str:
        return describe(Shaper(self.store, lambda o: False).shape(v))

    def origins(self, *values: Any) -> list[Note]:
        """Where values come from that an operation on another line is given."""
        found = []
        for v in values:
            span = origin(v)
            if span is not None and self.span is not None and span.line != self.span.line:
                found.append(Note(f"{self.describe(v)} is made", span))
        return found

    # -- values ------------------------------------------------------------------------------------------------------

    def fitter(self, store: Any) -> Fitter:
        return Fitter(self, store)

    def convert(self, v: Any, type: Type) -> Node:
        """The node v as `type`."""
        if isinstance(v, Conflict):
            raise unreadable(v, self.span)
        assert isinstance(v, Node), v
        if v.type is type:
            return v
        if isinstance(v.type, Scalar) and isinstance(type, Scalar):
            if v.type.strong is type.strong:
                return constant(type, v.value) if isinstance(v, Constant) else v
            return self.b.convert(fitting(self, v, type), to=type)
        if isinstance(v.type, Array) and isinstance(type, Array):  # the same array, of a size known at run time only
            return self.b.retype(v, to=type)
        return v

    def read(self, key: Any, name: str, free: bool = False) -> Any:
        """The value of a variable, where it has one. `free`: it is one of a function further out."""
        v = self.store.get(key)
        if isinstance(v, Node):
            return v
        error = "NameError" if free else "UnboundLocalError"
        if isinstance(v, Unbound):
            self.b.raise_(error=error, message=unset(name, free))
            raise Bottom
        if isinstance(v, Maybe):
            self.b.assert_(v.flag, error=error, message=unset(name, free))
            self.store.set(key, v.value)
            v = v.value
        if isinstance(v, Conflict):
            raise unreadable(v, self.span)
        return v

    def from_python(self, value: Any, path: Path | None = None, hidden: Hidden | None = None) -> Any:
        """A Python value met while compiling, at the end of `path`. Numbers become constants, or hidden arguments."""
        if isinstance(value, (complex, np.complexfloating)):
            return complexes.from_python(value)
        if isinstance(value, (bool, int, float, np.generic)):
            t = self.scalar_type(value)
            if hidden is not None:
                return self.hidden(hidden, t)
            return constant(t, {"f": float, "i": int, "b": bool}[t.kind](value))
        step = (lambda *s: (*path, s)) if path is not None else lambda *s: None
        if type(value) is tuple or (isinstance(value, tuple) and hasattr(value, "_fields")):
            return Compound(
                "tuple",
                None if type(value) is tuple else type(value),
                [self.from_python(v, step("item", i)) for i, v in enumerate(value)],
            )
        if isinstance(value, MethodType):
            return Compound(
                "method",
                None,
                [self.from_python(value.__func__, step("func")), self.from_python(value.__self__, step("self"))],
            )
        if isinstance(value, functools.partial):
            parts = [self.from_python(value.func, step("func"))]
            parts += [self.from_python(v, step("given", i)) for i, v in enumerate(value.args)]
            parts += [self.from_python(v, step("keyword", k)) for k, v in value.keywords.items()]
            return Compound("partial", (len(value.args), tuple(value.keywords)), parts)
        if isinstance(value, FunctionType):
            if path is not None and path[0][0] != "global":  # a global function is guarded by identity
                self.paths.setdefault(value, path)
            return Known(value)
        unwrap = self.hooks.get("unwrap")
        if unwrap is not None:
            found = unwrap(self, value, path)
            if found is not None:
                return found
        if is_structure(value):
            return self.captured(value, path)
        return Known(value)

    def captured(self, value: Any, path: Path | None) -> Any:
        """A captured or global array, list, dict or dataclass: a hidden argument, read at each call, not written to."""
        entry = self.hooks["entry"]
        if path is None:
            raise self.refuse(
                "unsupported-capture",
                f"a {type(value).__name__} is reached through an object that is not read at each call",
                help="pass it as an argument",
            )
        places: dict[Obj, Path] = {}
        found = entry.abstract(self, self.hidden(Hidden(path, None, path[-1][-1]), entry.type_of(value)), path, places)
        for obj in places:
            obj.frozen = frozenset(["captured"])
        return found

    def scalar_type(self, value: Any) -> Scalar:
        """The type of a Python or NumPy number."""
        if isinstance(value, bool):
            return BOOL
        if type(value) is float:
            return FLOAT
        if isinstance(value, int):
            if not -(2**63) <= value < 2**63:
                raise self.refuse("integer-too-large", f"{value} does not fit 64 bits", help="use a float")
            return INT
        found = MACHINE.get(getattr(value, "dtype", None))  # type: ignore[arg-type]
        if found is None or found.narrow:
            raise self.refuse(
                "unsupported-dtype",
                f"a value of type {type(value).__name__} cannot be compiled",
                help="use float64, int64 or bool",
            )
        return found

    def hidden(self, path: Hidden, t: Type) -> Node:
        """The parameter that carries a value which is read at each call."""
        copy = self.running[-1]
        found = copy.hidden.get(path)
        if found is None:
            found = copy.hidden[path] = self.b.parameter(copy.graph, t, path.name)
        return found

    def function_value(self, function: FunctionType) -> Compound:
        """A Python function as an abstract one."""
        graph = self.lower(function)
        if not is_library(function):
            self.object_guards.append((function, "__code__", function.__code__))
            self.object_guards.append((function, "__defaults__", function.__defaults__))
            self.object_guards.append((function, "__kwdefaults__", function.__kwdefaults__))
        signature = graph.info
        path = self.paths.get(function, (("object", function),))
        defaults = [self.from_python(d, (*path, ("default", i))) for i, d in enumerate(function.__defaults__ or ())]
        keyword = function.__kwdefaults__ or {}
        defaults += [self.from_python(keyword[n], (*path, ("keyword default", n))) for n in signature.keyword_defaults]
        return Compound("function", (graph, function), [Known(None), *defaults])

    # -- expressions -------------------------------------------------------------------------------------------------

    def operation(self, a: Activation, node: Apply) -> Any:
        """The value of an expression of the python stage: at once, or a task."""
        return OPERATIONS[node.fn.name](self, a, node)

    def truth(self, v: Any) -> Task:
        return operators.truth(self, v)

    def iteration(self, v: Any) -> Task:
        return iteration(self, v)

    def iteration_now(self, v: Any) -> Iteration:
        return iteration_now(self, v)

    def as_scalar(self, v: Any) -> Any:
        """A 0-d array as the number it holds; any other value as it is."""
        return self.arrays.as_scalar(self, v)

    def readable(self, v: Any) -> Any:
        if isinstance(v, Conflict):
            raise unreadable(v, self.span)
        return v

    def refuse_frozen(self, obj: Obj) -> CompileError:
        """The refusal of a write to an object that is captured, or one of two on different paths."""
        if obj.frozen == frozenset(["captured"]):
            return self.refuse("captured-write", f"a captured {obj.kind} is written to", help="pass it as an argument")
        if "reshaped" in (obj.frozen or ()):
            return self.refuse(
                "view-write",
                "this array may share memory with another through a reshape, as their layout has it, and is written to",
                help="copy it before the reshape",
            )
        return self.refuse(
            "ambiguous-alias",
            f"this {obj.kind} may be one of two, and is written to",
            help="copy it first, or write in each branch",
        )

    def text_parts(self, v: Any) -> tuple[str, list[Node]]:
        return library.text_parts(self, v)

    def in_library(self) -> bool:
        """Whether the code at hand is a function of NumPy's that irad has written: there NotImplementedError is a refusal."""
        return self.span is not None and self.span.file.startswith(FOLDER)

    def emit_raise(self, v: Any) -> None:
        library.emit_raise(self, v)

    def run_now(self, task: Task) -> Any:
        """Run a task to its end: for the few places that cannot wait."""
        return run(task)

    # -- calls -------------------------------------------------------------------------------------------------------

    def call(self, fn: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
        """The result of calling an abstract value."""
        if isinstance(fn, Known):
            handler = complex_functions.handler(self, fn.value, args, kwargs) or library.handler(self, fn.value)
            if handler is not None:
                result = handler(self, args, kwargs)
                return (yield result) if hasattr(result, "send") else result
            if isinstance(fn.value, FunctionType) and not _is_foreign(fn.value):
                try:
                    return (yield self.call_function(self.function_value(fn.value), args, kwargs))
                except CompileError as e:
                    raise self.refused_inside(fn.value, e) from None
            raise library.unknown_call(self, fn.value)
        if isinstance(fn, Compound):
            if fn.kind == "function":
                return (yield self.call_function(fn, args, kwargs))
            caller = CALLABLE.get(fn.kind) or self.hooks.get("call:" + fn.kind)
            if caller is not None:
                return (yield caller(self, fn, args, kwargs))
        method = instances.special_method(self, fn, "__call__")
        if method is not None:
            return (yield self.call(method, args, kwargs))
        raise self.refuse(
            "not-callable",
            f"{self.describe(fn)} cannot be called",
            help="write `*` for a product; call a function, or an object with a method __call__",
        )

    def refused_inside(self, function: FunctionType, e: CompileError) -> CompileError:
        """What the user is told of a refusal in a called function: of the standard library's, that the call is refused."""
        span, file = e.diagnostic.span, function.__code__.co_filename
        inside = span is not None and span.file == file
        return library.unknown_call(self, function) if inside and os.path.dirname(file).startswith(LIBRARY) else e

    def call_function(self, fn: Compound, args: list[Any], kwargs: dict[str, Any]) -> Task:
        graph, _ = fn.head
        if self.on_call_of is not None and graph is self.on_call_of[0]:
            raise self.on_call_of[1]
        values = bind(self, fn, args, kwargs)
        shaper = Shaper(self.store, lambda o: False, sizes=True)
        shape = shaper.shape(Compound("call", None, [fn, *values]))
        waiting = [c for c in self.running if c.python is graph]
        own = is_library(fn.head[1])  # what a function of irad's calls may come back to it: a comprehension in a comprehension
        if len(waiting) > (NESTED if own else 0) or (self.count.get(graph, 0) >= MAX_COPIES and not own):
            shape = widen(shape)
            nodes = self.refit(shape, Compound("call", None, [fn, *values]))
        else:
            nodes = shaper.leaves
        names = sizes.canonical(shape, (), "p")
        if names:
            shape = sizes.renamed(shape, names)
            nodes = [self.convert(n, t) for n, t in zip(nodes, leaf_types(shape), strict=True)]
        if len(waiting) > MAX_RUNNING:
            raise self.refuse(
                "endless-specialization",
                f"`{graph.name}` calls itself with ever new types of arguments",
                help="a tuple or list that grows with each call has no fixed type; neither has a function wrapped at each",
            )
        copy = self.copies.get(shape)
        if copy is None:
            copy = yield self.make_copy(shape, fn, graph)
        elif not copy.done:
            copy.recursive = True
            for c in self.running[self.running.index(copy) + 1 :]:
                c.depends.add(copy)
            if copy.result is None and not copy.never:
                raise Bottom
        else:
            for c in self.running:
                c.depends |= {d for d in copy.depends if d in self.running and d is not c}
        return self.emit_call(copy, nodes, {i: o for o, i in shaper.number.items()}, {p: d for d, p in names.items()})

    def refit(self, shape: Shape, value: Compound) -> list[Node]:
        """The nodes of a value in the order of the shape's leaves."""
        fitter = Fitter(self, self.store)
        fitter.fit(shape, value)
        return fitter.nodes

    def emit_call(self, copy: Copy, nodes: list[Node], objects: dict[int, Obj], names: dict[str, str]) -> Any:
        """The value of a call of a copy. `names`: what the sizes that its arguments name are called here."""
        result = copy.result
        if result is None:  # it always raises, or never ends
            if copy.effects or copy.never:
                self.b.call(copy.graph, nodes + [self.hidden(p, q.type) for p, q in copy.hidden.items()])
            raise Bottom
        types = [t for s in result.shapes() for t in leaf_types(s)]
        parts: list[Node] = []
        if types or copy.effects:
            hidden = [self.hidden(p, q.type) for p, q in copy.hidden.items()]
            node = self.b.call(copy.graph, nodes + hidden)
            parts = self.b.parts(node, len(types)) if types else []
        feed = iter(parts)
        given = [Ref(obj) for obj in objects.values()]
        result = result.renamed({**names, **sizes.fresh(tuple(result.shapes()), copy.sizes)})
        value = rebuild(result.value, lambda t: self.convert(next(feed), t), self.store, objects, self.span)
        if any(map(may_be_outer, result.shapes())):
            freeze_given(self.store, given)
        for index in copy.reshaped:
            objects[index].frozen = (objects[index].frozen or frozenset()) | {"reshaped"}
        for (index, name), shape in result.writes.items():
            key = objects[index] if name is None else (objects[index], name)
            self.store.set(key, rebuild(shape, lambda t: self.convert(next(feed), t), self.store, objects, self.span))
        return value

    def thunk(self, fn: Any, args: list[Any], kwargs: dict[str, Any], wrt: Sequence[int]) -> Task:
        """A graph that makes this call, for a transform to name: (copy, its arguments' nodes, the arguments' shapes).

        The numbers in the positional arguments `wrt` are parameters of the graph, even if they are known.
        """
        shaper = Shaper(self.store, lambda o: False)
        whole = Compound("thunk", tuple(kwargs), [fn, *args, *kwargs.values()])
        shapes = [shaper.shape(c) for c in whole.children]
        shapes = [widen(s) if i - 1 in wrt else s for i, s in enumerate(shapes)]
        shape = ("compound", "thunk", tuple(kwargs), tuple(shapes))
        copy = self.copies.get(shape)
        if copy is None:
            name = getattr(fn.head[0], "name", "f") if isinstance(fn, Compound) and fn.kind == "function" else "f"
            if isinstance(fn, Compound) and fn.kind == "transform":
                name = fn.head[0]
            copy = yield self.make_copy(shape, fn, None, name)
        elif not copy.done:
            raise self.refuse(
                "recursive-transform",
                "a function takes the derivative of itself",
                help="the order of differentiation must be known at compile time",
            )
        if copy.result is None:
            raise Bottom
        nodes = self.refit(shape, whole)
        nodes += [self.hidden(p, q.type) for p, q in copy.hidden.items()]
        return copy, nodes, shapes

    def make_copy(self, shape: Shape, fn: Compound, graph: Graph | None, name: str = "") -> Task:
        span, before = self.span, self.b.graph
        typed = self.b.new_graph(name or graph.name)  # type: ignore[union-attr]
        typed.span = graph.span if graph is not None else span
        copy = self.copies[shape] = Copy(shape, typed, graph)
        if graph is not None:
            self.count[graph] = self.count.get(graph, 0) + 1
        self.running.append(copy)
        try:
            while True:
                self.forget(copy)
                reshaped = set(copy.reshaped)
                found = yield self.run_copy(copy, shape, fn)
                hidden = set(copy.hidden)
                if not copy.recursive:
                    copy.result = found
                    break
                if found is None:
                    if (copy.never and hidden == copy.assumed_hidden) or not typed.effects:
                        break
                    copy.never, copy.assumed_hidden = True, hidden
                    continue
                assumed = copy.result
                joined = (found if assumed is None else assumed).joined(found, copy.sizes)
                copy.result = joined
                if assumed == joined and hidden == copy.assumed_hidden and reshaped == copy.reshaped:
                    break
                copy.assumed_hidden = hidden
        except CompileError as e:
            e.called_from(span)
            self.forget(copy)
            self.discard(copy)  # whoever goes on, by unrolling a loop, may call it again
            raise
        finally:
            self.running.pop()
            self.span = self.b.span = span
        assert self.b.graph is before
        copy.done = True
        copy.effects = typed.effects
        copy.depends.discard(copy)
        for c in copy.depends:
            c.tentative.append(copy)
        return copy

    def forget(self, copy: Copy) -> None:
        """Start a run: what was made under the last assumption goes."""
        for c in copy.tentative:
            self.discard(c)
        copy.tentative = []

    def discard(self, copy: Copy) -> None:
        if self.copies.get(copy.key) is copy:
            del self.copies[copy.key]
            self.module.graphs.remove(copy.graph)

    def run_copy(self, copy: Copy, shape: Shape, fn: Compound) -> Task:
        """Run the function once for these shapes; its typed graph, and the shapes of what it gives back."""
        b, store, typed, python = self.b, self.store, copy.graph, copy.python
        b.empty(typed)  # its effects stay: a call of itself has them
        if copy.never:
            typed.result = UNIT
        elif copy.result is not None:
            typed.result = result_type(tuple(t for s in copy.result.shapes() for t in leaf_types(s)))
        names = itertools.chain([None], parameter_names(python, fn), itertools.repeat(None))
        with b.inside(typed):
            store.begin()
            try:
                objects: dict[int, Obj] = {}
                children = []
                for child in shape[3]:
                    name = next(names)
                    children.append(rebuild(child, lambda t, name=name: b.parameter(typed, t, name), store, objects, self.span))  # type: ignore[misc]
                initial = {k: store.get(k) for o in objects.values() for k in keys_of(o)}
                copy.hidden = {path: b.parameter(typed, p.type, p.name) for path, p in copy.hidden.items()}
                try:
                    exits = (
                        yield self.run_function(python, children, fn)
                        if python is not None
                        else self.run_thunk(shape[2], children)
                    )
                except Bottom:
                    exits = {}
            finally:
                changes = store.rollback()
            if RETURN not in exits:
                typed.finish(b.make_tuple())
                return None
            ending: Exit = exits[RETURN]
            found = self.gathered(ending, PathStore({**changes, **ending.changes}, store), objects, initial).named(copy.sizes)
            agreed = found if copy.result is None else copy.result.joined(found, copy.sizes)
            fitter = Fitter(self, PathStore({**changes, **ending.changes}, store))
            if any(may_be_outer(s, "reshaped") for s in agreed.shapes()):
                copy.reshaped |= {i for i, o in objects.items() if o.frozen and "reshaped" in o.frozen}
            if agreed.value[0] == "conflict":
                raise unreadable(agreed.value[1].value, self.span)
            fitter.fit(agreed.value, ending.value)
            for (index, name), s in agreed.writes.items():
                key = objects[index] if name is None else (objects[index], name)
                fitter.fit(s, fitter.store.get(key))
            typed.finish(b.tuple_(fitter.nodes) if fitter.nodes else b.make_tuple())
        return found

    def run_function(self, python: Graph, children: list[Any], fn: Compound) -> Task:
        """Run a python-stage function: the first child is the function value, the others its arguments."""
        scope = children[0].children[0]
        frame = Obj("frame", python.info, scope.obj if isinstance(scope, Ref) else None, python.span)
        for name, v in zip(python.info.parameters, children[1:], strict=True):
            self.store.set((frame, name), v)
        return Activation(self, python, frame, fn.head[1]).function()

    def run_thunk(self, names: tuple[str, ...], children: list[Any]) -> Task:
        """Make the call that a thunk stands for."""
        first = len(children) - len(names)
        value = yield self.call(children[0], children[1:first], dict(zip(names, children[first:], strict=True)))
        return {RETURN: Exit(None, {}, apart(self, value))}

    def gathered(self, ending: Exit, store: PathStore, objects: dict[int, Obj], initial: dict[Any, Any]) -> Result:
        shaper = Shaper(store, lambda o: False)
        shaper.number = {o: i for i, o in objects.items()}
        value = shaper.shape(ending.value)
        writes: dict[Any, Shape] = {}
        for index, obj in objects.items():
            for key in keys_of(obj):
                now = store.get(key)
                if now is not initial[key]:
                    writes[index, key[1] if isinstance(key, tuple) else None] = shaper.shape(now)
        return Result(value, writes)
