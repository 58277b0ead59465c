"""Transforms met while specializing: `grad(f)(x)` and the like become operations on the graph of the call f(x).

The graph is specialized like any callee; the operations `vjp_forward`, `vjp_backward` and `jvp` name it, and get their
bodies from irad.transforms. Derivatives have the structure of the argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.errors import CompileError, Note
from irad.graph.build import UNIT_VALUE, literal
from irad.graph.nodes import Constant, Node
from irad.graph.walk import Task
from irad.specialize import jacobian, sizes
from irad.specialize.apart import apart
from irad.specialize.batching import call_vmap, make_vmap
from irad.specialize.describe import defined, describe
from irad.specialize.objects import is_list, is_tuple
from irad.specialize.shapes import leaf_types, rebuild
from irad.specialize.values import Compound, Known, Obj, Ref, Shape, is_number
from irad.types import Array, Dim, Scalar, Type, tangent_type

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["MAKERS", "call_pullback", "call_transform", "refuse_sparse", "transform"]


def transform(kind: str, fn: Any, **options: Any) -> Compound:
    """The abstract value of `kind(fn, **options)`."""
    return Compound("transform", (kind, tuple(sorted(options.items()))), [fn])


# -- making transforms inside compiled code -------------------------------------------------------------------------------


def _argnums(s: Specializer, v: Any) -> int | tuple[int, ...]:
    if isinstance(v, Constant) and isinstance(v.value, int):
        return v.value
    if is_tuple(v) or is_list(v):
        items = v.children if is_tuple(v) else s.store.get(v.obj).children
        if items and all(isinstance(c, Constant) and isinstance(c.value, int) for c in items):
            return tuple(c.value for c in items)
    raise s.refuse(
        "argnums",
        "argnums must be a constant integer or a tuple of them",
        help="write grad(f, argnums=1), or argnums=(0, 1) for both",
    )


def _has_aux(s: Specializer, v: Any) -> bool | None:
    return bool(v.value) if isinstance(v, Constant) else None


def _order(s: Specializer, v: Any) -> str | tuple[str, ...]:
    if isinstance(v, Known) and v.value in jacobian.ORDERS:
        return str(v.value)
    if is_tuple(v) or is_list(v):
        items = v.children if is_tuple(v) else s.store.get(v.obj).children
        if all(isinstance(c, Known) and isinstance(c.value, str) for c in items):
            return tuple(c.value for c in items)
    raise s.refuse("unknown-order", f"no order of a Jacobian is {s.describe(v)}", help=jacobian.ORDERS_HELP)


def _is_false(v: Any) -> bool:
    return isinstance(v, Constant) and v.value is False


SPARSE = ("jacobian", "hessian")  # which have the option
READ = {"argnums": _argnums, "has_aux": _has_aux, "order": _order}  # how the options of transforms are read


def refuse_sparse(s: Specializer) -> CompileError:
    """For a sparse derivative that is called, or made, in compiled code."""
    return s.refuse(
        "sparse-derivative",
        "compiled code has no sparse matrices",
        help="call the sparse derivative from Python, and compile what computes with numbers and arrays; or leave out "
        "sparse=True, or take products with vectors: jvp, vjp, hvp",
    )


def _maker(kind: str, options: Sequence[str]) -> Callable[[Any, list[Any], dict[str, Any]], Compound]:
    def make(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Compound:
        names = ["fun", *options]
        if kind in SPARSE and "sparse" in kwargs:
            if not _is_false(kwargs["sparse"]):
                raise refuse_sparse(s)
            kwargs = {k: v for k, v in kwargs.items() if k != "sparse"}
        if not args or len(args) > len(names) or any(k not in options for k in kwargs):
            raise s.refuse(
                "wrong-arguments",
                f"{kind}() takes a function and {', '.join(options)}",
                help=f"write irad.{kind}(f)(x): the arguments of f come in a second pair of brackets",
            )
        given = {**dict(zip(names[1:], args[1:], strict=False)), **kwargs}
        found: dict[str, Any] = {"argnums": 0, "order": "auto"} if "order" in options else {"argnums": 0}
        for k, v in given.items():
            found[k] = READ[k](s, v)
        return transform(kind, args[0], **found)

    return make


def _vjp(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """vjp(f, *primals) -> (out, pullback)."""
    if not args or kwargs:
        raise s.refuse(
            "wrong-arguments", "vjp() takes a function and its arguments", help="write out, pullback = irad.vjp(f, x)"
        )
    fn, *primals = args
    call = yield from _prepare(s, fn, primals, {}, tuple(range(len(primals))), "vjp", some=True)
    out, residual = call.run_forward()
    pullback = Compound("pullback", call, [residual, *call.measured])
    return Compound("tuple", None, [out, pullback])


def call_pullback(s: Specializer, fn: Compound, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """pullback(ct) -> the cotangents of all primals, as a tuple."""
    yield from ()
    if len(args) != 1 or kwargs:
        raise s.refuse(
            "wrong-arguments",
            "a pullback takes one argument, the cotangent of the output",
            help="write pullback(ct), with ct of the structure of the output",
        )
    call: _Call = fn.head
    return Compound("tuple", None, call.run_backward(fn.children[0], call.cotangent(s, args[0], fn.children[1:])))


def _jvp(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """jvp(f, primals, tangents) -> (out, tangent of out)."""
    if len(args) != 3 or kwargs:
        raise s.refuse(
            "wrong-arguments",
            "jvp() takes a function, a tuple of primals and a tuple of tangents",
            help="write irad.jvp(f, (x,), (dx,))",
        )
    fn, primals, tangents = args
    xs, dxs = (_sequence(s, v, "jvp") for v in (primals, tangents))
    if len(xs) != len(dxs):
        raise s.refuse(
            "wrong-arguments",
            f"jvp() got {len(xs)} primals and {len(dxs)} tangents",
            help="give a tangent for each primal: None for one that does not change",
        )
    moving = tuple(i for i, d in enumerate(dxs) if not (isinstance(d, Known) and d.value is None))
    call = yield from _prepare(s, fn, xs, {}, moving, "jvp")
    out, tangent = call.run_jvp([dxs[i] for i in moving])
    return Compound("tuple", None, [out, tangent])


def _sequence(s: Specializer, v: Any, name: str) -> list[Any]:
    if is_tuple(v):
        return list(v.children)
    if is_list(v):
        return list(s.store.get(v.obj).children)
    raise s.refuse(
        "wrong-arguments",
        f"{name}() takes tuples of primals and tangents, not {s.describe(v)}",
        help="write (x,) for one",
    )


def _stop_gradient(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if len(args) != 1 or kwargs:
        raise s.refuse("wrong-arguments", "stop_gradient() takes one value", help="put several into a tuple")
    return _stopped(s, args[0])


def _stopped(s: Specializer, v: Any) -> Any:
    if isinstance(v, Node):
        return s.b.stop_gradient(v) if isinstance(v.type, (Scalar, Array)) else v
    if isinstance(v, Compound) and v.kind == "tuple":
        return Compound("tuple", v.head, [_stopped(s, c) for c in v.children])
    if isinstance(v, Ref) and v.obj.kind != "frame":
        obj = Obj(v.obj.kind, v.obj.head, span=s.span)
        content = s.readable(s.store.get(v.obj))
        s.store.set(
            obj,
            _stopped(s, content)
            if isinstance(content, Node)
            else Compound(content.kind, content.head, [_stopped(s, c) for c in content.children]),
        )
        return Ref(obj)
    return v


MAKERS: dict[str, Callable[[Any, list[Any], dict[str, Any]], Any]] = {
    "grad": _maker("grad", ["argnums", "has_aux"]),
    "value_and_grad": _maker("value_and_grad", ["argnums", "has_aux"]),
    "jacfwd": _maker("jacfwd", ["argnums"]),
    "jacobian": _maker("jacobian", ["argnums", "order"]),
    "jacrev": _maker("jacrev", ["argnums"]),
    "hessian": _maker("hessian", ["argnums", "order"]),
    "hvp": _maker("hvp", ["argnums"]),
    "vjp": _vjp,
    "jvp": _jvp,
    "vmap": make_vmap,
    "stop_gradient": _stop_gradient,
}


# -- calling them ---------------------------------------------------------------------------------------------------------


class _Call:
    """The call f(args) as a graph, with what derivatives of it need to know."""

    def __init__(self, s: Specializer, copy: Any, nodes: list[Node], shapes: list[Shape], argnums: tuple[int, ...]) -> None:
        self.s, self.b, self.graph, self.nodes, self.argnums = s, s.b, copy.graph, nodes, argnums
        self.result: Shape = copy.result.value
        self.arguments = shapes
        places, first = {}, 0
        for i, shape in enumerate(shapes):
            count = len(leaf_types(shape))
            places[i - 1] = range(first, first + count)
            first += count
        self.places = places
        self.wrt = tuple(k for i in argnums for k in places[i] if tangent_type(self.graph.params[k].type) is not None)
        self.leaves = leaf_types(self.result)
        self.sizes = sizes.fresh(self.result, copy.sizes)

    def value(self, out: Node) -> Any:
        """f(args), from the graph's output."""
        feed = iter(self.b.parts(out, len(self.leaves)) if self.leaves else [])
        shape = sizes.renamed(self.result, self.sizes)
        return rebuild(shape, lambda t: self.s.convert(next(feed), t), self.s.store, {}, self.s.span)

    def run_forward(self) -> tuple[Any, Node]:
        pair = self.b.vjp_forward(*self.nodes, graphs=(self.graph,), wrt=self.wrt)
        out = self.b.getitem(pair, index=0)
        self.measured = self.sizes_in(self.b.parts(out, len(self.leaves)) if self.leaves else [])
        return self.value(out), self.b.getitem(pair, index=1)

    def sizes_in(self, nodes: Sequence[Node]) -> list[Node]:
        """The sizes of arrays that are known at run time only."""
        return [
            self.b.dim(n, axis=axis)
            for n in nodes
            if isinstance(n.type, Array)
            for axis, d in enumerate(n.type.shape)
            if isinstance(d, Dim)
        ]

    def same_sizes(self, nodes: Sequence[Node], wanted: Sequence[Node], what: str) -> None:
        """Check that derivatives have the sizes of the values that they belong to."""
        for size, other in zip(self.sizes_in(nodes), wanted, strict=True):
            message = f"{what} has a size of {{0}}, where {{1}} is needed"
            self.b.assert_(self.b.eq(size, other), size, other, error="ValueError", message=message)

    def run_backward(self, residual: Node, ct: Node) -> list[Any]:
        """The cotangents of the arguments `argnums`, each with its argument's structure."""
        cts = self.b.vjp_backward(residual, ct, graphs=(self.graph,), wrt=self.wrt)
        found = {k: self.b.getitem(cts, index=i) for i, k in enumerate(self.wrt)}
        return [self.structured(i, found) for i in self.argnums]

    def structured(self, i: int, found: dict[int, Node]) -> Any:
        feed = (found.get(k) for k in self.places[i])
        return tangent_value(self.s, self.arguments[i + 1], feed, self.s.store)

    def zero(self, k: int) -> Node:
        """The derivative of a constant in parameter k of the graph."""
        from irad.transforms.cotangents import zero_like

        return zero_like(self.b, self.nodes[k])

    def packed(self, nodes: Sequence[Node | None]) -> Node:
        """One node for the cotangent of the graph's output, from those of its leaves (None: zero)."""
        from irad.transforms.cotangents import zero

        filled = [
            UNIT_VALUE if tangent_type(t) is None else zero(self.b, t) if n is None else n
            for t, n in zip(self.leaves, nodes, strict=True)
        ]
        return self.b.tuple_(filled) if filled else UNIT_VALUE

    def cotangent(self, s: Specializer, v: Any, measured: Sequence[Node]) -> Node:
        """The node of a cotangent given by the user, which must have the output's structure and sizes."""
        feed: list[Node | None] = []
        what = "the cotangent of the output"
        self.matching(s, self.result, v, feed, what)
        sizes = iter(measured)
        for t, n in zip(self.leaves, feed, strict=True):
            wanted = [next(sizes) for d in (t.shape if isinstance(t, Array) else ()) if isinstance(d, Dim)]
            self.same_sizes([n] if n is not None else [], wanted if n is not None else [], what)
        return self.packed(feed)

    def matching(self, s: Specializer, shape: Shape, v: Any, out: list[Node | None], what: str) -> None:
        """Collect the leaves of v in the order of the shape's; None stands for zero."""
        kind = shape[0]
        if isinstance(v, Known) and v.value is None:
            out.extend(None for _ in leaf_types(shape))
        elif kind in ("leaf", "const"):
            t = shape[1] if kind == "leaf" else shape[1].type
            v = s.as_scalar(v) if isinstance(t, Scalar) else s.arrays.node_of(s, v)
            if not isinstance(v, Node) or (isinstance(t, Scalar) and not is_number(v)):
                raise s.refuse(
                    "type-mismatch",
                    f"{what} is {s.describe(v)}, where {t} is needed",
                    help="give it the type and shape of the value that it belongs to",
                )
            if kind == "leaf":
                target = tangent_type(t)
                out.append(None if target is None else s.convert(v, target))
        elif kind == "compound" and shape[1] == "complex" and (is_number(v) or s.arrays.is_array(s, v)):
            self.matching(s, shape[3][0], v, out, what)
            out.append(None)  # a real tangent or cotangent of a complex value
        elif kind == "compound" and isinstance(v, Compound) and len(v.children) == len(shape[3]):
            for c, x in zip(shape[3], v.children, strict=True):
                self.matching(s, c, x, out, what)
        elif kind == "new" and isinstance(v, Ref):
            content = s.arrays.node_of(s, v) if shape[2] == "array" else s.store.get(v.obj)
            self.matching(s, shape[4], content, out, what)
        elif leaf_types(shape):
            raise s.refuse(
                "type-mismatch",
                f"{what} is {s.describe(v)}, which has another structure than the value",
                help="give it the structure of the value that it belongs to, with floats for floats",
            )

    def run_jvp(self, tangents: Sequence[Any]) -> tuple[Any, Any]:
        """f(args), and its tangent for tangents of the arguments `argnums`."""
        feed: list[Node | None] = []
        for i, v in zip(self.argnums, tangents, strict=True):
            self.matching(self.s, self.arguments[i + 1], v, feed, "a tangent")
        places = [k for i in self.argnums for k in self.places[i]]
        for k, n in zip(places, feed, strict=True):
            if n is not None:
                self.same_sizes([n], self.sizes_in([self.nodes[k]]), "a tangent")
        return self.jvp_nodes({k: n for k, n in zip(places, feed, strict=True) if n is not None})

    def jvp_nodes(self, given: dict[int, Node]) -> tuple[Any, Any]:
        from irad.transforms.cotangents import zero

        dxs = [given[k] if k in given else zero(self.b, self.graph.params[k].type) for k in self.wrt]
        pair = self.b.jvp(*self.nodes, *dxs, graphs=(self.graph,), wrt=self.wrt)
        out, tangent = self.b.getitem(pair, index=0), self.b.getitem(pair, index=1)
        return self.value(out), self.tangent_of_result(tangent)

    def tangent_of_result(self, tangent: Node) -> Any:
        parts = self.b.parts(tangent, len(self.leaves)) if self.leaves else []
        feed = iter(
            [
                None if tangent_type(t) is None else self.s.convert(p, sizes.renamed(p.type, self.sizes))
                for t, p in zip(self.leaves, parts, strict=True)
            ]
        )
        return tangent_value(self.s, self.result, feed, self.s.store)


def tangent_value(s: Specializer, shape: Shape, feed: Iterator[Node | None], store: Any) -> Any:
    """The value of a shape with its tangents in the place of its numbers; None for what has none, 0.0 for constants."""
    kind = shape[0]
    if kind == "leaf":
        found = next(feed)
        if found is None:
            return Known(None)
        return found
    if kind == "const":
        return literal(0.0) if tangent_type(shape[1].type) is not None else Known(None)
    if kind == "compound" and shape[1] in ("tuple", "items", "entries", "fields", "complex"):
        return Compound(shape[1], shape[2], [tangent_value(s, c, feed, store) for c in shape[3]])
    if kind == "new" and shape[2] != "frame":
        content = tangent_value(s, shape[4], feed, store)
        if shape[2] == "array" and not (isinstance(content, Node) and isinstance(content.type, Array)):
            return content
        obj = Obj(shape[2], shape[3], span=s.span)
        store.set(obj, content)
        return Ref(obj)
    for _ in leaf_types(shape):
        next(feed)
    return Known(None)


def _prepare(
    s: Specializer, fn: Any, args: list[Any], kwargs: dict[str, Any], argnums: tuple[int, ...], kind: str, *, some: bool = False
) -> Task:
    """The call as a graph; refuses what has no derivative: any of the arguments `argnums`, or with `some` all of them."""
    args = [apart(s, a) if i in argnums else a for i, a in enumerate(args)]  # a view has the derivative of what it shows
    copy, nodes, shapes = yield s.thunk(fn, args, kwargs, argnums)
    if copy.result.writes:
        raise s.refuse(
            "write-under-derivative",
            f"the function under {kind} changes an object of its caller",
            help="copy it first, and return the new one",
            notes=defined(fn),
        )
    call = _Call(s, copy, nodes, shapes, argnums)
    for i in argnums:
        if not any(k in call.wrt for k in call.places[i]) and not (some and call.wrt):
            raise s.refuse(
                "not-a-float",
                f"{kind} in argument {i}, which is {s.describe(args[i])}: integers and static values have no derivative",
                help="pass a float: 3.0, not 3; x.astype(float) for an array",
            )
    return call


def call_transform(s: Specializer, fn: Compound, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """The result of grad(f)(*args) and the like."""
    kind, options = fn.head
    return (yield CALLS[kind](s, fn.children[0], args, kwargs, dict(options)))


def _picked(s: Specializer, argnums: int | tuple[int, ...], args: list[Any], kind: str) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    out = tuple(n + len(args) if n < 0 else n for n in numbers)
    if any(not 0 <= n < len(args) for n in out):
        raise s.refuse(
            "argnums",
            f"{kind} in argument {numbers[0] if len(numbers) == 1 else numbers} of {len(args)} positional arguments",
            help="arguments that derivatives are taken in are passed by position",
        )
    return out


def _grad(with_value: bool) -> Callable[..., Task]:
    def run(s: Specializer, fn: Any, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> Task:
        kind = "value_and_grad" if with_value else "grad"
        argnums, has_aux = options["argnums"], options.get("has_aux", False)
        picked = _picked(s, argnums, args, kind)
        call = yield from _prepare(s, fn, args, kwargs, picked, kind)
        scalar = call.result
        if has_aux:
            if not (scalar[0] == "compound" and scalar[1] == "tuple" and len(scalar[3]) == 2):
                raise s.refuse(
                    "has-aux",
                    "with has_aux=True the function must return (value, aux), not " + describe(scalar),
                    help="return a pair, or leave has_aux out",
                    notes=defined(fn),
                )
            scalar = scalar[3][0]
        _check_scalar(s, scalar, kind, defined(fn))
        value, residual = call.run_forward()
        seed: list[Node | None] = [None] * len(call.leaves)
        if scalar[0] == "leaf":
            seed[0] = s.b.constant(call.leaves[0], 1.0)
        grads = call.run_backward(residual, call.packed(seed))
        result = grads[0] if isinstance(argnums, int) else Compound("tuple", None, grads)
        if with_value:
            return Compound("tuple", None, [value, result])
        return Compound("tuple", None, [result, value.children[1]]) if has_aux else result

    return run


def _check_scalar(s: Specializer, shape: Shape, kind: str, notes: list[Note]) -> None:
    t: Type | None = shape[1] if shape[0] == "leaf" else shape[1].type if shape[0] == "const" else None
    if isinstance(t, Scalar) and t.kind == "f":
        return
    what = describe(shape)
    if shape[0] == "compound" and shape[1] == "complex":
        help = "return a real number of it: z.real, z.imag, abs(z) or abs(z) ** 2; of all of it take irad.vjp"
        raise s.refuse("complex-derivative", f"{kind} of a function that returns {what}", help=help, notes=notes)
    if isinstance(t, Scalar):
        help = "return a float that depends on the argument: int(...), // and comparisons are constant between jumps"
        raise s.refuse("not-a-float", f"{kind} of a function that returns {what}", help=help, notes=notes)
    if what == "None":
        raise s.refuse("missing-return", f"{kind} of a function that returns None", help="return the value", notes=notes)
    raise s.refuse(
        "not-scalar",
        f"{kind} of a function that returns {what}, not one number",
        help="return a scalar; for more outputs use jacrev or jacfwd, for extra results has_aux=True",
        notes=notes,
    )


def _jacobian(kind: str) -> Callable[..., Task]:
    def run(s: Specializer, fn: Any, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> Task:
        """The derivative of each number of the output in each of the argument."""
        argnums = options["argnums"]
        picked = _picked(s, argnums, args, kind)
        call = yield from _prepare(s, fn, args, kwargs, picked, kind)
        if any(map(_has_complex, [call.result, *(call.arguments[i + 1] for i in picked)])):
            raise s.refuse(
                "complex-derivative",
                f"{kind} of a function of or to complex numbers",
                help="take it of the parts: a function of x and y that returns (z.real, z.imag) of z = x + 1j * y",
                notes=defined(fn),
            )
        order = {"jacfwd": "forward", "jacrev": "reverse"}.get(kind) or options["order"]
        return _jacobian_value(s, call, jacobian.entries(s, call, order), isinstance(argnums, int))

    return run


def _has_complex(shape: Shape) -> bool:
    if shape[0] == "compound":
        return shape[1] == "complex" or any(map(_has_complex, shape[3]))
    return shape[0] == "new" and shape[2] != "frame" and _has_complex(shape[4])


def _jacobian_value(s: Specializer, call: _Call, entries: dict[tuple[int, int], Node], single: bool) -> Any:
    """The structure of a Jacobian: entries[i, k] is the derivative of output leaf i in the graph's parameter k."""
    counter = iter(range(len(call.leaves)))

    def row(i: int | None) -> Any:
        """The derivatives of output leaf i in the structure of the argument."""
        parts = []
        for n in call.argnums:
            feed = (None if k not in call.wrt else call.zero(k) if i is None else entries[i, k] for k in call.places[n])
            parts.append(_wrapped(s, tangent_value(s, call.arguments[n + 1], feed, s.store)))
        return parts[0] if single else Compound("tuple", None, parts)

    return _outer(s, call.result, counter, call.leaves, row)


def _wrapped(s: Specializer, v: Any) -> Any:
    """Arrays as objects, where derivatives of numbers are arrays."""
    if isinstance(v, Node):
        return s.arrays.new_array(s, v)
    if isinstance(v, Compound) and v.kind == "tuple":
        return Compound("tuple", v.head, [_wrapped(s, c) for c in v.children])
    if isinstance(v, Ref) and v.obj.kind in ("list", "dict", "instance"):
        content = s.store.get(v.obj)
        s.store.set(v.obj, Compound(content.kind, content.head, [_wrapped(s, c) for c in content.children]))
    return v


def _outer(s: Specializer, shape: Shape, counter: Iterator[int], leaves: list[Type], row: Callable[[int | None], Any]) -> Any:
    """The structure of the output with a row of the Jacobian in the place of each number."""
    kind = shape[0]
    if kind == "leaf":
        i = next(counter)
        return row(i) if tangent_type(leaves[i]) is not None else Known(None)
    if kind == "const":
        return row(None) if tangent_type(shape[1].type) is not None else Known(None)
    if kind == "compound" and shape[1] in ("tuple", "items", "entries", "fields"):
        return Compound(shape[1], shape[2], [_outer(s, c, counter, leaves, row) for c in shape[3]])
    if kind == "new" and shape[2] == "array":
        return _outer(s, shape[4], counter, leaves, row)
    if kind == "new" and shape[2] in ("list", "dict", "instance"):
        content = _outer(s, shape[4], counter, leaves, row)
        obj = Obj(shape[2], shape[3], span=s.span)
        s.store.set(obj, content)
        return Ref(obj)
    return Known(None)


def _hessian(s: Specializer, fn: Any, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> Task:
    """The Jacobian of the gradient: by elimination, or forward over reverse. Of a small array half of it is computed."""
    found = yield s.call(transform("jacobian", transform("grad", fn, argnums=options["argnums"]), **options), args, kwargs)
    node = s.arrays.node_of(s, found) if s.arrays.is_array(s, found) else None
    if node is None or len(node.type.shape) != 2 or not jacobian.is_few(node.type) or 0 in node.type.shape:
        return found
    places = np.ndindex(*node.type.static_shape)
    half = [s.b.index(node, literal(min(place)), literal(max(place))) for place in places]
    return s.arrays.new_array(s, s.b.array(*half, shape=node.type.shape))


def _hvp(s: Specializer, fn: Any, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> Task:
    """hvp(f)(*args, v): the Hessian times v, by forward over reverse."""
    if len(args) < 2:
        raise s.refuse("wrong-arguments", "hvp(f) takes the arguments of f, then the vector", help="write irad.hvp(f)(x, v)")
    *xs, v = args
    argnums = options["argnums"]
    picked = _picked(s, argnums, xs, "hvp")
    call = yield from _prepare(s, transform("grad", fn, argnums=argnums), xs, kwargs, picked, "hvp")
    vectors = [v] if isinstance(argnums, int) else _sequence(s, v, "hvp")
    return call.run_jvp(vectors)[1]


CALLS: dict[str, Callable[..., Task]] = {
    "grad": _grad(False),
    "value_and_grad": _grad(True),
    "jacfwd": _jacobian("jacfwd"),
    "jacobian": _jacobian("jacobian"),
    "jacrev": _jacobian("jacrev"),
    "hessian": _hessian,
    "hvp": _hvp,
    "vmap": call_vmap,
}
