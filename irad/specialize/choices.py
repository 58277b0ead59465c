"""Function values that are known at run time only: where paths join with different functions, the value becomes a sum,
whose cases are the functions it may be and whose fields are what they captured.

The sum is named by the set of its functions, so that a closure over a closure of the same set has a finite type. What the
cases hold is found while specializing: when a case turns out to hold more than was thought, specialization starts again
with what is known by then. What is captured is copied into the sum; a variable that is rebound after that is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from irad.graph.build import literal
from irad.graph.nodes import Graph, Node
from irad.graph.walk import Task
from irad.specialize import sizes
from irad.specialize.joins import join_shapes
from irad.specialize.paths import Exit
from irad.specialize.shapes import Fitter, Shaper, leaf_types, rebuild, widen
from irad.specialize.store import keys_of
from irad.specialize.values import Compound, Known, Maybe, Obj, Ref, Shape
from irad.types import Struct, Sum, Type

if TYPE_CHECKING:
    from irad.specialize.execute import Activation
    from irad.specialize.specializer import Specializer

__all__ = ["Choices", "call_choice", "current", "is_callable_shape", "join_functions"]

KINDS = frozenset({"function", "method", "partial", "transform", "pullback"})
_thread = threading.local()


class Choices:
    """The sums of function values of one program: key (the set of cases) -> case -> shapes of what it holds."""

    def __init__(self) -> None:
        self.cases: dict[frozenset[Any], dict[Any, tuple[Shape, ...]]] = {}
        self.values: dict[Any, Any] = {}  # case -> Known, for functions that are not the user's
        self.names: dict[frozenset[Any], str] = {}
        self.changed = False

    def use(self) -> None:
        """Make this the registry of the specialization that runs in this thread."""
        _thread.choices = self

    def key(self, cases: dict[Any, tuple[Shape, ...]]) -> frozenset[Any]:
        """The sum of these cases, known from now on."""
        key = frozenset(cases)
        known = self.cases.setdefault(key, {})
        self.names.setdefault(key, f"choice{len(self.names)}")
        for case, shapes in cases.items():
            if case not in known:
                known[case] = shapes
        return key

    def hold(self, key: frozenset[Any], case: Any, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shapes that a case holds, these included."""
        known = self.cases[key][case]
        shapes = _own_names(shapes)
        joined = (
            shapes if not known else tuple(join_shapes(a, b, "a captured value") for a, b in zip(known, shapes, strict=True))
        )
        joined = _own_names(joined)
        if joined != known:
            self.changed = True
            self.cases[key][case] = joined
        return joined

    def type(self, key: frozenset[Any]) -> Sum:
        return Sum(self.names[key])

    def declare(self, module: Any, key: frozenset[Any]) -> None:
        """Tell the module what the cases of a sum hold."""
        module.sums[self.names[key]] = tuple(
            tuple(t for s in shapes for t in leaf_types(s)) for shapes in self.cases[key].values()
        )

    def place(self, key: frozenset[Any], case: Any) -> int:
        return list(self.cases[key]).index(case)


def _own_names(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """What a case holds, whose sizes are others in each value."""
    named: tuple[Shape, ...] = sizes.renamed(shapes, sizes.canonical(shapes, (), "c"))
    return named


def current() -> Choices:
    return _thread.choices  # type: ignore[no-any-return]


def is_callable_shape(shape: Shape) -> bool:
    """Whether values of a shape are functions."""
    if shape[0] == "known":
        v = shape[2].value.value
        return callable(v) and not isinstance(v, type)
    return shape[0] == "choice" or (shape[0] == "compound" and shape[1] in KINDS)


def _cases(shape: Shape) -> dict[Any, tuple[Shape, ...]]:
    if shape[0] == "choice":
        return current().cases[shape[1]]
    if shape[0] == "known":
        case = ("known", shape[1])
        current().values[case] = shape[2].value
        return {case: ()}
    return {(shape[1], shape[2]): ()}


def join_functions(a: Shape, b: Shape) -> Shape:
    """The shape of a value that is one of two functions."""
    key = current().key({**_cases(a), **_cases(b)})
    return ("choice", key)


def case_of(v: Any) -> Any:
    return ("known", v.key()) if isinstance(v, Known) else (v.kind, v.head)


def fit_choice(fitter: Fitter, key: frozenset[Any], v: Any) -> Any:
    """The node of a function value as a sum."""
    s = fitter.s
    if isinstance(v, Compound) and v.kind == "choice":
        if v.head == key:
            return v.children[0]
        return s.run_now(_widened(s, key, v))
    choices = current()
    case = case_of(v)
    shaper = Shaper(fitter.store, lambda o: False)
    shapes = tuple(widen(shaper.shape(c)) for c in (v.children if isinstance(v, Compound) else ()))
    _freeze(fitter.store, v)
    held = choices.hold(key, case, shapes)
    choices.declare(s.module, key)
    inner = Fitter(s, fitter.store)
    for shape, c in zip(held, v.children if isinstance(v, Compound) else (), strict=True):
        inner.fit(shape, c)
    return s.b.inject(*inner.nodes, of=choices.type(key), case=choices.place(key, case))


def _freeze(store: Any, v: Any) -> None:
    """What was copied must not change: variables that the function reads, itself or through functions that it calls, are
    not rebound, objects that it reads are not written to."""
    seen: set[Any] = set()
    todo = [v]
    while todo:
        v = todo.pop()
        if isinstance(v, Maybe):
            todo.append(v.value)
        elif isinstance(v, Compound):
            frame = v.children[0] if v.kind == "function" and v.children else None
            if isinstance(frame, Ref):
                for key in _captured(v.head[0], frame.obj) - seen:
                    seen.add(key)
                    obj, name = key
                    obj.frozen = (obj.frozen or frozenset()) | {name}
                    todo.append(store.get(key))
                todo.extend(v.children[1:])
            else:
                todo.extend(v.children)
        elif isinstance(v, Ref) and v.obj not in seen:
            seen.add(v.obj)
            v.obj.frozen = frozenset(["*"])
            todo.extend(store.get(key) for key in keys_of(v.obj))


def _captured(graph: Graph, frame: Obj) -> set[tuple[Obj, str]]:
    """The variables of frames around that a function uses; `frame` is the innermost."""
    out = set()
    for up, name in _loads(graph):
        around: Obj | None = frame
        for _ in range(up - 1):
            around = around.outer if around is not None else None
        if around is not None:
            out.add((around, name))
    return out


def _loads(graph: Graph) -> set[tuple[int, str]]:
    """The variables of functions around it that a python-stage function uses: (how many functions up, name)."""
    out: set[tuple[int, str]] = set()
    todo = [(graph, 0)]
    while todo:
        g, depth = todo.pop()
        for node in g.body:
            if node.fn.name in ("py_load", "py_store", "py_delete"):
                name, up = node.static
                if up > depth:
                    out.add((up - depth, name))
            todo.extend((h, depth + (h.role != "block")) for h in node.graphs)
    return out


def _widened(s: Specializer, key: frozenset[Any], v: Compound) -> Task:
    """A sum as a sum of more cases."""

    def again(fn: Any) -> Task:
        yield from ()
        return Compound("choice", key, [fit_choice(Fitter(s, s.store), key, fn)])

    result = yield dispatch(s, v, again)
    return result.children[0]


def call_choice(s: Specializer, fn: Compound, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """Call a function that is known at run time only: each case in a branch."""
    return dispatch(s, fn, lambda f: s.call(f, args, kwargs))


def dispatch(s: Specializer, fn: Compound, use: Callable[[Any], Task]) -> Task:
    """use(f) for the function f that a sum is, as a chain of branches on its tag."""
    choices, key = current(), fn.head
    (node,) = fn.children
    choices.declare(s.module, key)
    tag = s.b.tag(node)
    return _dispatch(s, choices, key, node, tag, 0, use)


def _dispatch(
    s: Specializer, choices: Choices, key: frozenset[Any], node: Any, tag: Any, k: int, use: Callable[[Any], Task]
) -> Task:
    if k == len(choices.cases[key]) - 1:
        return (yield _case(s, choices, key, node, k, use))
    a = s.current
    then = yield a.path("case", _as_exit(a, _case(s, choices, key, node, k, use)))
    orelse = yield a.path("other", _as_exit(a, _dispatch(s, choices, key, node, tag, k + 1, use)))
    exits = a.merge(s.b.eq(tag, literal(k)), then, orelse, None)
    if "next" not in exits:
        raise s.Bottom
    s.store.apply(exits["next"].changes)
    return exits["next"].value


def _as_exit(a: Activation, task: Task) -> Task:
    value = yield task
    return {"next": Exit(None, {}, value)}


def _case(s: Specializer, choices: Choices, key: frozenset[Any], node: Any, k: int, use: Callable[[Any], Task]) -> Task:
    case, shapes = list(choices.cases[key].items())[k]
    shapes = sizes.renamed(shapes, sizes.fresh(shapes, ()))
    if case[0] == "known":
        return (yield use(choices.values[case]))
    fields = s.b.project(node, case=k)
    assert isinstance(fields.type, Struct)
    feed = iter(range(len(fields.type.items)))
    objects: dict[int, Obj] = {}
    leaf: Callable[[Type], Node] = lambda t: s.convert(s.b.getitem(fields, index=next(feed)), t)  # noqa: E731
    children: list[Any] = [rebuild(shape, leaf, s.store, objects, s.span) for shape in shapes]
    if not children and case[0] == "function":  # nothing is known of it yet: specialization will start again
        choices.changed = True
        raise s.Bottom
    before = {key: s.store.get(key) for obj in objects.values() for key in keys_of(obj)}
    value = yield use(Compound(case[0], case[1], children))
    for place, was in before.items():  # what it changed is a copy
        if s.store.get(place) is not was:
            raise s.refuse(
                "ambiguous-alias",
                "a function that is one of several, chosen at run time, changes what it captured",
                help="return the new value from it instead",
            )
    return value
