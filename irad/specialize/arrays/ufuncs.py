"""What the functions of NumPy have in common: `out=`, `where=` and `dtype=` of ufuncs, and the methods of ufuncs.

A result that is put into an array is an assignment, `out[...] = result`, under NumPy's rule of casting; the value of the
call is that array.
"""

from __future__ import annotations

import functools
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.graph.walk import Task
from irad.numpy import ufuncs as library
from irad.numpy import written
from irad.specialize import objects
from irad.specialize.arrays.creation import dtype_of, numeric
from irad.specialize.arrays.elementwise import elementwise, shape_text
from irad.specialize.arrays.indexing import setitem
from irad.specialize.arrays.table import Handler, plain_handler
from irad.specialize.arrays.values import array_type, is_array, new_array, node_of, read
from irad.specialize.values import Compound, Known
from irad.types import BOOL, Array, Scalar

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

REDUCTIONS = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
RUNNING = {np.add: np.cumsum, np.multiply: np.cumprod}
SUMMED = frozenset({np.sum, np.prod, np.mean, np.cumsum, np.cumprod})  # computed in the dtype of `out`
USUAL = {"where": True, "dtype": None, "casting": "same_kind", "order": "K", "subok": True}  # what changes nothing may be said


def handler(s: Specializer, value: Any) -> Handler | None:
    """The meaning of a function of NumPy's, or of a method of a ufunc."""
    owner = getattr(value, "__self__", None)
    if isinstance(owner, np.ufunc):
        return method_of_ufunc(owner, value.__name__)
    found = plain_handler(value)
    if found is None:
        return None
    said = isinstance(value, np.ufunc) or written(value) is not None  # whose options are looked at there
    return with_options(value, value.__name__, found if said else said_once(value, found))


def said_once(value: Any, found: Handler) -> Handler:
    """A handler whose arguments are each given once, without those that say what is so anyway, as `dtype=None`."""

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        parameters = _parameters(value)
        positional = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        twice = next((k for k in kwargs if k in positional[: len(args)]), None)
        if twice is not None:
            raise s.refuse(
                "wrong-arguments",
                f"np.{value.__name__} got multiple values for argument '{twice}'",
                help=f"leave `{twice}` out, or the argument in its place",
            )
        return found(s, args, {k: v for k, v in kwargs.items() if k not in parameters or not _is(v, parameters[k].default)})

    return call


@functools.cache
def _parameters(value: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return {}


def _is(v: Any, default: Any) -> bool:
    """Whether an argument is the default: None, a truth value, a number or text."""
    return isinstance(v, (Known, Constant)) and type(v.value) is type(default) and bool(v.value == default)


def with_options(value: Any, name: str, found: Handler) -> Handler:
    """A handler that also takes `out`, and the options of ufuncs."""
    place = place_of_out(value)
    if place is None:
        return found

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        kwargs = dict(kwargs)
        out = kwargs.pop("out", None)
        if out is None and isinstance(value, np.ufunc) and len(args) > place:
            out, args = args[place], args[:place] + args[place + 1 :]
        if isinstance(out, Compound) and objects.is_tuple(out) and len(out.children) == 1:
            (out,) = out.children
        if isinstance(out, Known) and out.value is None:
            out = None
        options = USUAL if isinstance(value, np.ufunc) else {}
        given = {k: kwargs.pop(k) for k in options if k in kwargs}
        given = {k: v for k, v in given.items() if not _is(v, options[k])}
        if out is None and not given:
            return found(s, args, kwargs)
        return _computed(s, value, name, found, args, kwargs, out, given)

    return call


@functools.cache
def place_of_out(value: Any) -> int | None:
    """Where among the positional arguments `out` stands; None where there is none."""
    if isinstance(value, np.ufunc):
        return value.nin if value.nout == 1 else None
    try:
        parameters = list(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return 3 if value in (np.dot, np.concatenate) else None
    return parameters.index("out") if "out" in parameters else None


def _computed(
    s: Specializer,
    value: Any,
    name: str,
    found: Handler,
    args: list[Any],
    kwargs: dict[str, Any],
    out: Any,
    given: dict[str, Any],
) -> Task:
    for key in ("casting", "order", "subok"):
        if key in given:
            raise s.refuse("unsupported-keyword", f"np.{name} with `{key}` cannot be compiled", help="leave it out")
    if out is not None and not is_array(s, out):
        raise s.refuse("type-mismatch", f"`out` of np.{name} is an array, not {s.describe(out)}", help="leave `out` out")
    if "dtype" in given:
        args = [_cast(s, name, a, dtype_of(s, given["dtype"])) for a in args]
    test = _truths(s, name, given["where"]) if "where" in given else None
    if test is not None:
        args = [_harmless(s, name, test, a) for a in args]
    if out is not None and value in SUMMED and "dtype" not in kwargs:
        kwargs = {**kwargs, "dtype": Known(array_type(s, out).dtype.dtype)}
    result = found(s, args, kwargs)
    if hasattr(result, "send"):
        result = yield result
    if "dtype" in given and s.b.scalar_of(node_of(s, result)).strong is not dtype_of(s, given["dtype"]):
        raise s.refuse(
            "unsupported-keyword", f"np.{name} has no results of this dtype", help="convert the result: .astype(...)"
        )
    if out is None:
        if test is not None:
            raise s.refuse(
                "unsupported-keyword",
                f"np.{name} with `where` and without `out` leaves elements undefined",
                help="name an array that has the others, out=np.zeros_like(x), or write np.where(c, y, x)",
            )
        return result
    if test is not None:
        _check_casting(s, name, s.b.scalar_of(node_of(s, result)), array_type(s, out).dtype)
        old = read(s, out)
        new = node_of(s, result)
        result = elementwise(s, "select", [test, s.b.convert(new, to=s.b.scalar_of(old)), old], None, name)
    return _put(s, name, out, result, exactly=not isinstance(value, np.ufunc))


def _truths(s: Specializer, name: str, where: Any) -> Node:
    test = numeric(s, where, name)
    if s.b.scalar_of(test) is not BOOL:
        raise s.refuse("type-mismatch", f"`where` of np.{name} takes truth values", help="compare: where=mask != 0")
    return test


def _harmless(s: Specializer, name: str, test: Node, v: Any) -> Any:
    """An operand with, where nothing is to be computed, a number for which the function and its derivative are finite."""
    x = numeric(s, v, name)
    if isinstance(x, Constant) or s.b.scalar_of(x) is BOOL:
        return new_array(s, x)
    number = 1 if s.b.scalar_of(x).kind == "i" else 2.0 if name in ("acosh", "arccosh") else 0.5
    return elementwise(s, "select", [test, x, s.b.like(number, x)], None, name)


def _cast(s: Specializer, name: str, v: Any, to: Scalar) -> Any:
    """An operand in the dtype that is computed in."""
    x = numeric(s, v, name)
    _check_casting(s, name, s.b.scalar_of(x), to)
    return new_array(s, x if s.b.scalar_of(x) is to else s.b.convert(x, to=to))


def _check_casting(s: Specializer, name: str, t: Scalar, to: Scalar) -> None:
    if not np.can_cast(t.strong.dtype, to.dtype, "same_kind"):
        raise s.refuse(
            "dtype",
            f"np.{name} gives {t.strong.dtype}, which is not put into {to.dtype}",
            help="make `out` of the result's dtype",
        )


def _put(s: Specializer, name: str, out: Any, result: Any, *, exactly: bool) -> Any:
    """out[...] = result. A ufunc repeats its result where `out` is larger; other functions do not."""
    node = node_of(s, result)
    if not isinstance(node, Node):
        raise s.refuse("unsupported-keyword", f"np.{name} with `out` cannot be compiled", help="leave it out")
    _check_casting(s, name, s.b.scalar_of(node), array_type(s, out).dtype)
    if name == "dot" and s.b.scalar_of(node).strong is not array_type(s, out).dtype:
        raise s.refuse(
            "dtype", "np.dot takes an `out` of the result's dtype", help=f"make it {s.b.scalar_of(node).strong.dtype}"
        )
    shape, wanted = node.type.shape if isinstance(node.type, Array) else (), array_type(s, out).shape
    fits = len(shape) == len(wanted) if exactly else len(shape) <= len(wanted)
    if fits and exactly:
        fits = not any(m != n and isinstance(m, int) and isinstance(n, int) for m, n in zip(shape, wanted, strict=True))
    if not fits:
        raise s.refuse(
            "shape-mismatch",
            f"np.{name} gives an array of shape {shape_text(shape)}, which does not fit `out` of shape {shape_text(wanted)}",
            help="make `out` of the result's shape",
        )
    setitem(s, out, Known(Ellipsis), new_array(s, node))
    return out


# -- methods of ufuncs ------------------------------------------------------------------------------------------------------


def method_of_ufunc(ufunc: np.ufunc, name: str) -> Handler | None:
    """np.add.reduce and its like; None for those that have no meaning here."""
    if plain_handler(ufunc) is None or ufunc.nout != 1:
        return None
    if name == "reduce" and ufunc in REDUCTIONS:
        return _over_first_axis(REDUCTIONS[ufunc])
    if name == "accumulate" and ufunc in RUNNING:
        return _over_first_axis(RUNNING[ufunc])
    if ufunc.nin == 2 and name in ("reduce", "accumulate", "outer"):
        return _written(getattr(library, name), ufunc)
    if name == "at" and ufunc.nin <= 2:
        return _at(ufunc)
    return None


def _over_first_axis(function: Any) -> Handler:
    """The axis is 0 where none is named, and comes second."""

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if len(args) == 1 and "axis" not in kwargs:
            x = numeric(s, args[0], "reduce")
            axis: Any = literal(0) if isinstance(x.type, Array) else Known(None)
            kwargs = {**kwargs, "axis": axis}
        return handler(s, function)(s, args, kwargs)  # type: ignore[misc]

    return call


def _written(function: Any, ufunc: np.ufunc) -> Handler:
    return lambda s, args, kwargs: s.call_function(s.function_value(function), [Known(ufunc), *args], kwargs)


def _at(ufunc: np.ufunc) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if not is_array(s, args[0]) or len(args) != 1 + ufunc.nin or kwargs:
            raise s.refuse(
                "wrong-arguments", f"np.{ufunc.__name__}.at takes an array, positions and values", help="name an array first"
            )
        values = args[2] if ufunc.nin == 2 else Known(None)
        return s.call_function(s.function_value(cast(FunctionType, library.at)), [Known(ufunc), args[0], args[1], values], {})

    return call
