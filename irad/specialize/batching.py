"""`vmap` met while specializing: `vmap(f)(xs)` becomes a loop over the batch.

    for i in range(n): out[i] = f(xs[i])

A trip reads its rows, runs f as any call is run, and puts what f returns into the arrays of the results, which are allocated
once and written in place. Derivatives, nesting and backends see a loop and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from irad.errors import CompileError
from irad.graph.build import literal
from irad.graph.nodes import Constant, Graph, Node
from irad.graph.walk import Task
from irad.specialize import objects
from irad.specialize.apart import apart
from irad.specialize.arrays.elementwise import shape_text
from irad.specialize.arrays.indexing import getitem
from irad.specialize.arrays.values import Shape as Sizes
from irad.specialize.arrays.values import array_type, is_array, new_array, size_of
from irad.specialize.axes import Axes, axes_in, split
from irad.specialize.dependence import depends
from irad.specialize.describe import defined, describe
from irad.specialize.shapes import Shaper
from irad.specialize.values import Compound, Known, Maybe, Obj, Ref, Shape, absent, is_complex, is_number, new_mark
from irad.types import INT, Array, Dim, Scalar

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["call_vmap", "make_vmap"]

OPTIONS = ("in_axes", "out_axes")
CONTENT = {"list": "items", "dict": "entries", "instance": "fields"}


def make_vmap(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Compound:
    """vmap(f, in_axes=0, out_axes=0), in compiled code."""
    given = dict(zip(("fun", *OPTIONS), args, strict=False))
    if not args or len(args) > 3 or any(k not in OPTIONS or k in given for k in kwargs):
        raise s.refuse(
            "wrong-arguments",
            "vmap() takes a function, in_axes and out_axes",
            help="write irad.vmap(f)(x): the arguments of f come in a second pair of brackets",
        )
    given.update(kwargs)
    fn = given.pop("fun")
    found = {k: axes_in(s, given[k], k) if k in given else 0 for k in OPTIONS}
    return Compound("transform", ("vmap", tuple(sorted(found.items()))), [fn])


class _Mapped(NamedTuple):
    """An array that is mapped over, the axis, and what the user calls it."""

    array: Ref
    axis: int
    where: str


class _Result(NamedTuple):
    """A number or array that f returns (a constant is one for all trips), and its axis in the result (None: it has none)."""

    node: Node
    axis: int | None


def call_vmap(s: Specializer, fn: Any, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> Task:
    """The results of f for each row of the arguments, as a loop."""
    b, span = s.b, s.span
    axes = _argument_axes(s, options["in_axes"], args, kwargs)
    inputs = [*args, *kwargs.values()]
    mapped = [m for v, a, where in zip(inputs, axes, _labels(args, kwargs), strict=True) for m in _mapped(s, v, a, where)]
    trips, size = _batch(s, mapped)
    body = b.new_graph("batch", b.graph, role="loop")
    body.info = trips
    i = b.parameter(body, INT, "i")
    mark = new_mark()
    shape: Shape | None = None
    with b.inside(body):
        s.store.begin()
        try:
            made: dict[Obj, Any] = {}
            rows = [_row(s, v, a, i, made) for v, a in zip(inputs, axes, strict=True)]
            value = yield s.call(fn, rows[: len(args)], dict(zip(kwargs, rows[len(args) :], strict=True)))
            written = any(s.store.get(o) is not content for o, content in made.items())
            shaper = Shaper(s.store, lambda o: False)
            shape = shaper.shape(apart(s, s.readable(value)))
        except s.Bottom:
            written = False
        finally:
            changes = s.store.rollback()
            s.span = b.span = span
    if written or any(_is_write(s, key, new, mark) for key, new in changes.items()):
        raise s.refuse(
            "write-under-vmap",
            "the function under vmap changes an object of its caller",
            help="copy it first, and return the new one",
            notes=defined(fn),
        )
    if shape is None:
        raise _endless(s, trips, body)
    results = _results(s, shape, options["out_axes"], shaper.leaves, i)
    batched = iter(_loop(s, trips, size, body, results, inputs))
    return _structured(s, shape, batched)


# -- the arguments --------------------------------------------------------------------------------------------------------


def _argument_axes(s: Specializer, in_axes: Axes, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Axes]:
    """The axes of each argument; those given by name are mapped along their first axes, as JAX does."""
    found = split(in_axes, None, len(args))
    if found is None:
        count = _count(in_axes) if isinstance(in_axes, tuple) else "names"
        raise s.refuse(
            "vmap-axes",
            f"in_axes has {count}, for {len(args)} positional arguments",
            help="give an integer or None for each positional argument; those given by name are mapped along their first axes",
        )
    return [*found, *(0 for _ in kwargs)]


def _labels(args: Sequence[Any], kwargs: dict[str, Any]) -> list[str]:
    return [*(f"argument {i}" for i in range(len(args))), *(f"argument `{k}`" for k in kwargs)]


def _parts(s: Specializer, v: Any) -> Compound | None:
    """The content of a structure; None for anything else."""
    if objects.is_tuple(v) or is_complex(v):
        return v  # type: ignore[no-any-return]
    if isinstance(v, Ref) and v.obj.kind in CONTENT:
        found = objects.content(s, v)
        return found if found.kind == CONTENT[v.obj.kind] else None
    return None


def _inside(s: Specializer, content: Compound, axes: Axes, where: str) -> list[tuple[Any, Axes, str]]:
    """The parts of a structure, with the axes and the label of each."""
    names = content.head if content.kind in ("entries", "fields") else None
    found = split(axes, names, len(content.children))
    if found is None:
        raise _misfit(s, axes, f"{where}, which has {_count(content.children)}")
    labels: Sequence[Any] = range(len(content.children)) if names is None else names
    parts = zip(content.children, found, labels, strict=True)
    return [(c, a, f"{where}.{n}" if content.kind == "fields" else f"{where}[{n!r}]") for c, a, n in parts]


def _count(parts: Sequence[Any]) -> str:
    return f"{len(parts)} part{'s' if len(parts) != 1 else ''}"


def _misfit(s: Specializer, axes: Axes, what: str, option: str = "in_axes") -> CompileError:
    return s.refuse(
        "vmap-axes",
        f"{option} has {_shown(axes)} for {what}",
        help=f"give {option} the structure of the value, or one integer for all of it",
    )


def _shown(axes: Axes) -> str:
    if isinstance(axes, tuple):
        inside = ", ".join(map(_shown, axes))
        return f"({inside},)" if len(axes) == 1 else f"({inside})"
    if axes is None or isinstance(axes, int):
        return str(axes)
    return "{" + ", ".join(f"{n}: {_shown(a)}" for n, a in zip(axes.names, axes.axes, strict=True)) + "}"


def _mapped(s: Specializer, v: Any, axes: Axes, where: str) -> Iterator[_Mapped]:
    """The arrays in an argument that are mapped over."""
    content = _parts(s, v)
    if content is not None:
        for child, a, label in _inside(s, content, axes, where):
            yield from _mapped(s, child, a, label)
    elif axes is None:
        return
    elif not isinstance(axes, int):
        raise _misfit(s, axes, f"{where}, which is {s.describe(v)}")
    elif is_array(s, v):
        t = array_type(s, v)
        if not -t.rank <= axes < t.rank:
            raise s.refuse(
                "vmap-axes",
                f"in_axes maps axis {axes} of {where}, which has the shape {shape_text(t.shape)}",
                help=f"count axes from 0 to {t.rank - 1}, or from -{t.rank} to -1",
            )
        yield _Mapped(v, axes % t.rank, where)
    elif is_number(v) or (isinstance(v, Ref) and v.obj.kind in CONTENT):
        raise s.refuse(
            "vmap-axes",
            f"in_axes maps axis {axes} of {where}, which is {s.describe(v)} and has no axes",
            help="pass an array; or give it the axis None, if it is the same in each trip",
        )


def _batch(s: Specializer, mapped: Sequence[_Mapped]) -> tuple[Node, int | Dim]:
    """The number of trips, as a node and as a size in types; checks that all arrays have it."""
    if not mapped:
        raise s.refuse(
            "vmap-axes",
            "vmap maps over no array: no argument has an axis",
            help="give at least one array an axis in in_axes",
        )
    sizes = [array_type(s, m.array).shape[m.axis] for m in mapped]
    first = next((j for j, n in enumerate(sizes) if isinstance(n, int)), 0)
    trips, size = size_of(s, mapped[first].array, mapped[first].axis), sizes[first]
    for k, (m, n) in enumerate(zip(mapped, sizes, strict=True)):
        if n == size:
            continue
        if isinstance(n, int) and isinstance(size, int):
            raise s.refuse(
                "batch-size",
                _unequal(mapped[first], size, m, n),
                help="map axes of one size; give the axis None to what is the same in each trip",
            )
        other = size_of(s, m.array, m.axis)
        one, two = sorted([(first, trips), (k, other)], key=lambda pair: pair[0])
        s.b.assert_(
            *(s.b.eq(trips, other), one[1], two[1]),
            error="ValueError",
            message=_unequal(mapped[one[0]], "{0}", mapped[two[0]], "{1}"),
        )
    return trips, size


def _unequal(m: _Mapped, size: object, other: _Mapped, n: object) -> str:
    return f"vmap maps axis {m.axis} of {m.where}, of size {size}, and axis {other.axis} of {other.where}, of size {n}"


def _row(s: Specializer, v: Any, axes: Axes, i: Node, made: dict[Obj, Any]) -> Any:
    """What an argument is in trip i. `made` notes the structures that are made for the trip alone."""
    content = _parts(s, v)
    if content is None:
        if not isinstance(axes, int) or not is_array(s, v):
            return v
        whole = Compound("slice", None, [Known(None)] * 3)
        rank = array_type(s, v).rank
        return getitem(s, v, Compound("tuple", None, [i if k == axes % rank else whole for k in range(rank)]))
    rows = [_row(s, c, a, i, made) for c, a, _ in _inside(s, content, axes, "")]
    if all(new is old for new, old in zip(rows, content.children, strict=True)):
        return v
    new = Compound(content.kind, content.head, rows)
    if content.kind in ("tuple", "complex"):
        return new
    obj = Obj(v.obj.kind, v.obj.head, span=s.span)
    s.store.set(obj, new)
    made[obj] = new
    return Ref(obj)


def _is_write(s: Specializer, key: Any, new: Any, mark: int) -> bool:
    """Whether a change in a trip is one of an object from before."""
    obj = key[0] if isinstance(key, tuple) else key
    old = s.store.get(key)
    return obj.birth < mark and new is not old and not (isinstance(old, Maybe) and old.value is new)


def _endless(s: Specializer, trips: Node, body: Graph) -> Exception:
    """The loop of a function that never returns: it raises in the first trip."""
    with s.b.inside(body):
        body.finish(s.b.make_tuple())
    s.b.for_loop(trips, graphs=(body,))
    if not (isinstance(trips, Constant) and trips.value > 0):
        s.b.raise_(error="ValueError", message="vmap over a batch of size 0 of a function that never returns")
    return s.Bottom()


# -- the results ----------------------------------------------------------------------------------------------------------


def _results(s: Specializer, shape: Shape, axes: Axes, leaves: Sequence[Node], i: Node) -> list[_Result]:
    """The numbers and arrays of a result, in order, with the axes that they get."""
    feed = iter(leaves)
    found = []
    for part, axis, where in _placed(s, shape, axes, "the result"):
        node = next(feed) if part[0] == "leaf" else part[1]
        rank = (node.type.rank if isinstance(node.type, Array) else 0) + 1
        if axis is None:
            if depends(node, i):
                raise s.refuse(
                    "vmap-axes",
                    f"out_axes is None for {where}, which is another in each trip",
                    help="give it an axis, out_axes=0",
                )
        elif not -rank <= axis < rank:
            raise s.refuse(
                "vmap-axes",
                f"out_axes puts the batch on axis {axis} of {where}, which has {rank} of them",
                help=f"count axes from 0 to {rank - 1}, or from -{rank} to -1",
            )
        else:
            axis %= rank
        found.append(_Result(node, axis))
    return found


def _placed(s: Specializer, shape: Shape, axes: Axes, where: str) -> Iterator[tuple[Shape, int | None, str]]:
    """The leaves and constants of a shape, with their axes and what the user calls them."""
    kind = shape[0]
    if kind in ("leaf", "const"):
        if isinstance(axes, int | None):
            yield shape, axes, where
            return
        raise _misfit(s, axes, f"{where}, which is a number or an array", "out_axes")
    if kind == "known":
        return
    content = shape[4] if kind == "new" and shape[2] in CONTENT else shape
    if kind == "new" and shape[2] == "array":
        yield from _placed(s, shape[4], axes, where)
    elif content[0] == "compound" and content[1] in ("tuple", "complex", *CONTENT.values()):
        names = content[2] if content[1] in ("entries", "fields") else None
        found = split(axes, names, len(content[3]))
        if found is None:
            raise _misfit(s, axes, f"{where}, which has {_count(content[3])}", "out_axes")
        for n, part, a in zip(names or range(len(content[3])), content[3], found, strict=True):
            yield from _placed(s, part, a, f"{where}.{n}" if content[1] == "fields" else f"{where}[{n!r}]")
    else:
        raise s.refuse(
            "unsupported-result",
            f"a function under vmap returns {describe(shape)}",
            help="return numbers, arrays, and tuples, lists, dicts and dataclasses of them",
        )


def _loop(
    s: Specializer, trips: Node, size: int | Dim, body: Graph, results: Sequence[_Result], inputs: Sequence[Any]
) -> list[Node]:
    """The loop; a node for each result."""
    b = s.b
    init: list[Node] = []
    updates: list[Node] = []
    places: list[int | None] = []  # of each result among the loop's
    once = any(r.axis is None and not isinstance(r.node, Constant) for r in results)
    if once and not (isinstance(trips, Constant) and trips.value > 0):
        message = "vmap over a batch of size 0 has no value for a result with out_axes=None"
        b.assert_(b.gt(trips, literal(0)), error="ValueError", message=message)
    for r in results:
        if isinstance(r.node, Constant):
            places.append(None)
            continue
        places.append(len(init))
        t = r.node.type
        if r.axis is None:
            b.parameter(body, t)
            init.append(absent(t))
            updates.append(r.node)
            continue
        full = _batched(r, size)
        init.append(b.zeros(*_dims(s, full.shape, size, trips, inputs), of=full))
        out = b.parameter(body, full, "out")
        with b.inside(body):
            updates.append(_put(s, out, r, body.params[0], size, trips))
    with b.inside(body):
        body.finish(b.tuple_(updates) if updates else b.make_tuple())
    loop = b.for_loop(trips, *init, graphs=(body,))
    parts = b.parts(loop, len(init)) if init else []
    return [parts[k] if k is not None else _repeated(s, r, size, trips) for k, r in zip(places, results, strict=True)]


def _batched(r: _Result, size: int | Dim) -> Array:
    """The type of all trips' results."""
    t = r.node.type
    if isinstance(t, Scalar):
        return Array(t.strong, (size,))
    assert isinstance(t, Array)
    assert r.axis is not None
    return Array(t.dtype, (*t.shape[: r.axis], size, *t.shape[r.axis :]))


def _put(s: Specializer, out: Node, r: _Result, i: Node, size: int | Dim, trips: Node) -> Node:
    """out with the result of trip i in its place."""
    b, x = s.b, r.node
    if not isinstance(x.type, Array):
        return b.index_update(out, x, i)
    assert r.axis is not None
    shape = (*x.type.shape[: r.axis], 1, *x.type.shape[r.axis :])
    starts: list[Node] = [literal(0)] * len(shape)
    starts[r.axis] = i
    return b.slice_update(out, b.reshape(x, *b.dims(x), shape=shape), *starts, steps=(1,) * len(shape))


def _dims(s: Specializer, shape: Sizes, size: int | Dim, trips: Node, inputs: Sequence[Any]) -> list[Node]:
    """A node, outside of the loop, for each size of a result that is known at run time only."""
    out = []
    for d in shape:
        if not isinstance(d, Dim):
            continue
        out.append(trips if d == size else _size(s, d, inputs))
    return out


def _size(s: Specializer, d: Dim, values: Sequence[Any]) -> Node:
    """A size that is known at run time only, computed from those of the arrays among these values."""
    found: dict[Dim, Node] = {}
    todo = list(values)
    while todo:
        v = todo.pop()
        content = _parts(s, v)
        if content is not None:
            todo += content.children
        elif is_array(s, v):
            shape = array_type(s, v).shape
            found.update({n: size_of(s, v, axis) for axis, n in enumerate(shape) if isinstance(n, Dim) and n not in found})
    if d in found:
        return found[d]
    total: Node = literal(0)
    for names, factor in d.terms:
        term: Node = literal(factor)
        for name in names:
            if Dim.symbol(name) not in found:
                raise s.refuse(
                    "unknown-shape",
                    "the size of what the function under vmap returns is known in each trip only",
                    help="use sizes of its arguments, which are the same in each trip",
                )
            term = s.b.mul(term, found[Dim.symbol(name)])
        total = s.b.add(total, term)
    return total


def _repeated(s: Specializer, r: _Result, size: int | Dim, trips: Node) -> Node:
    """A constant result."""
    if r.axis is None:
        return r.node
    return s.b.broadcast(r.node, *([trips] if isinstance(size, Dim) else []), shape=(size,))


def _structured(s: Specializer, shape: Shape, feed: Iterator[Node]) -> Any:
    """The value of a shape with all trips' results in the place of one's."""
    kind = shape[0]
    if kind in ("leaf", "const"):
        return new_array(s, next(feed))
    if kind == "known":
        return shape[2].value
    if kind == "compound":
        return Compound(shape[1], shape[2], [_structured(s, c, feed) for c in shape[3]])
    content = _structured(s, shape[4], feed)
    if shape[2] == "array":
        return content
    obj = Obj(shape[2], shape[3], span=s.span)
    s.store.set(obj, content)
    return Ref(obj)
