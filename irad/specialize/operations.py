"""The operations of the python stage: variables, attributes, items, calls, containers, functions.

Statements and control flow are in `execute`. An operation takes the specializer, the activation that runs it and the
node, and gives a value, or a task that gives one.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.errors import meant
from irad.graph.nodes import Apply
from irad.graph.walk import Task
from irad.numpy import is_library
from irad.specialize import complexes, derivatives, instances, library, objects, operators
from irad.specialize.captures import MISSING, Hidden, is_structure
from irad.specialize.choices import call_choice
from irad.specialize.execute import Activation, Bottom
from irad.specialize.values import UNBOUND, Compound, Known, Obj, Ref, give_name, is_complex

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["CALLABLE", "OPERATIONS"]


def _frame(a: Activation, up: int) -> Obj:
    frame = a.frame
    for _ in range(up):
        assert frame.outer is not None
        frame = frame.outer
    return frame


def _load(s: Specializer, a: Activation, node: Apply) -> Any:
    name, up = node.static
    return s.read((_frame(a, up), name), name, free=up > 0)


def _store(s: Specializer, a: Activation, node: Apply) -> Any:
    name, up = node.static
    value = a.held_value(node.args[0])
    if node.span is None or not is_library(a.origin):
        give_name(s, value, name)
    frame = _frame(a, up)
    _check_frozen(s, frame, name)
    s.store.set((frame, name), value)


def _check_frozen(s: Specializer, frame: Obj, name: str) -> None:
    if frame.frozen and name in frame.frozen:
        raise s.refuse(
            "rebound-capture",
            f"`{name}` is rebound after a function that captured it was stored where several functions may be",
            help=f"give it to the function as a default argument: {name}={name}",
        )


def _delete(s: Specializer, a: Activation, node: Apply) -> Any:
    _load(s, a, node)
    name, up = node.static
    s.store.set((_frame(a, up), name), UNBOUND)


def _global(s: Specializer, a: Activation, node: Apply) -> Any:
    (name,) = node.static
    scope = a.origin.__globals__
    if is_library(a.origin):
        return s.from_python(scope[name] if name in scope else getattr(builtins, name))
    if name in scope:
        value = scope[name]
        if not is_structure(value):
            s.guards[id(scope), name] = (scope, name, value)
        return s.from_python(value, (("global", scope, name),))
    if hasattr(builtins, name):
        s.guards[id(scope), name] = (scope, name, MISSING)
        return Known(getattr(builtins, name))
    s.guards[id(scope), name] = (scope, name, MISSING)
    s.b.raise_(error="NameError", message=f"name '{name}' is not defined{meant(name, _visible(a))}")
    raise Bottom


def _visible(a: Activation) -> list[str]:
    """The names of variables that a function sees."""
    found = [*a.origin.__globals__, *dir(builtins)]
    frame: Any = a.frame
    while frame is not None:
        found += frame.head.variables
        frame = frame.outer
    return [n for n in found if not n.startswith((".", "_"))]


def _free(s: Specializer, a: Activation, node: Apply) -> Any:
    (name,) = node.static
    function: FunctionType = a.origin
    cell = (function.__closure__ or ())[function.__code__.co_freevars.index(name)]
    try:
        value = cell.cell_contents
    except ValueError:
        s.b.raise_(
            error="NameError",
            message=f"cannot access free variable '{name}' where it is not associated with a value in enclosing scope",
        )
        raise Bottom from None
    number = isinstance(value, (bool, int, float, np.generic))
    if not number and not is_structure(value):
        s.object_guards.append((cell, "cell_contents", value))
    path = (*s.paths.get(function, (("object", function),)), ("cell", name))
    if isinstance(value, (complex, np.complexfloating)):
        return s.captured(value, path)
    return s.from_python(value, path, Hidden(path, function, name) if number else None)


def _import(s: Specializer, a: Activation, node: Apply) -> Any:
    (name,) = node.static
    root = name.split(".")[0]
    if root not in ("irad", "math", "numpy", "scipy") and name not in sys.modules:
        raise s.refuse("unsupported-import", f"`import {name}` inside a compiled function", help="import it at module level")
    return Known(importlib.import_module(name))


def _binary(s: Specializer, a: Activation, node: Apply) -> Any:
    return operators.binary(s, node.static[0], a.env_value(node.args[0]), a.env_value(node.args[1]))


def _inplace(s: Specializer, a: Activation, node: Apply) -> Any:
    return operators.inplace(s, node.static[0], a.env_value(node.args[0]), a.env_value(node.args[1]))


def _unary(s: Specializer, a: Activation, node: Apply) -> Any:
    return operators.unary(s, node.static[0], a.env_value(node.args[0]))


def _compare(s: Specializer, a: Activation, node: Apply) -> Any:
    return operators.compare(s, node.static[0], a.env_value(node.args[0]), a.env_value(node.args[1]))


def _getattr(s: Specializer, a: Activation, node: Apply) -> Any:
    return library.getattr_(s, a.env_value(node.args[0]), node.static[0])


def _imaginary(s: Specializer, a: Activation, node: Apply) -> Any:
    return complexes.imaginary(s, node.static[0])


def _setattr(s: Specializer, a: Activation, node: Apply) -> Any:
    if is_complex(target := a.env_value(node.args[0])):
        return complexes.setattr_(s, target, node.static[0], a.env_value(node.args[1]))
    return instances.setattr_(s, a.env_value(node.args[0]), node.static[0], a.env_value(node.args[1]))


def _getitem(s: Specializer, a: Activation, node: Apply) -> Any:
    return operators.getitem(s, a.env_value(node.args[0]), a.env_value(node.args[1]))


def _setitem(s: Specializer, a: Activation, node: Apply) -> Any:
    return operators.setitem(s, *[a.env_value(x) for x in node.args])


def _slice(s: Specializer, a: Activation, node: Apply) -> Any:
    return Compound("slice", None, [a.env_value(x) for x in node.args])


def _call(s: Specializer, a: Activation, node: Apply) -> Task:
    (kinds,) = node.static
    fn = a.env_value(node.args[0])
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for kind, x in zip(kinds, node.args[1:], strict=True):
        v = a.env_value(x)
        if kind == "":
            args.append(v)
        elif kind == "*":
            args.extend(objects.known_items(s, v))
        elif kind == "**":
            kwargs.update(library.known_mapping(s, v))
        else:
            kwargs[kind] = v
    span = s.span
    value = yield s.call(fn, args, kwargs)
    s.span = s.b.span = span
    return value


def _starred(s: Specializer, a: Activation, node: Apply) -> list[Any]:
    items: list[Any] = []
    for i, x in enumerate(node.args):
        if i in node.static[0]:
            items.extend(objects.known_items(s, a.env_value(x)))
        else:
            items.append(a.held_value(x))
    return items


def _tuple(s: Specializer, a: Activation, node: Apply) -> Any:
    return Compound("tuple", None, _starred(s, a, node))


def _list(s: Specializer, a: Activation, node: Apply) -> Any:
    return objects.new_list(s, _starred(s, a, node))


def _dict(s: Specializer, a: Activation, node: Apply) -> Any:
    values = [a.held_value(x) for x in node.args]
    half = len(values) // 2
    return objects.new_dict(s, values[:half], values[half:])


def _text(s: Specializer, a: Activation, node: Apply) -> Any:
    return objects.joined_text(s, [a.env_value(x) for x in node.args])


def _format(s: Specializer, a: Activation, node: Apply) -> Any:
    conversion, spec = node.static
    return Compound("format", (conversion, spec), [a.env_value(node.args[0])])


def _unpack(s: Specializer, a: Activation, node: Apply) -> Any:
    n, star = node.static
    items = objects.known_items(s, a.env_value(node.args[0]), n if star < 0 else None)
    if star < 0 and len(items) != n:
        kind = "too many values to unpack" if len(items) > n else "not enough values to unpack"
        raise s.refuse(
            "unpack",
            f"{kind} (expected {n}, got {len(items)})",
            help=f"write {len(items)} name{'s' * (len(items) != 1)}, or `*rest` for those that are left"
            if len(items)
            else "there is nothing to unpack",
        )
    if star >= 0:
        if len(items) < n - 1:
            raise s.refuse(
                "unpack", f"not enough values to unpack (expected at least {n - 1}, got {len(items)})", help="write fewer names"
            )
        after = n - 1 - star
        middle = items[star : len(items) - after]
        items = [*items[:star], objects.new_list(s, middle), *items[len(items) - after :]]
    return Compound("tuple", None, items)


def _part(s: Specializer, a: Activation, node: Apply) -> Any:
    return a.env_value(node.args[0]).children[node.static[0]]


def _function(s: Specializer, a: Activation, node: Apply) -> Any:
    return Compound("function", (node.graphs[0], a.origin), [Ref(a.frame), *[a.env_value(x) for x in node.args]])


def _generator(s: Specializer, a: Activation, node: Apply) -> Any:
    value = Compound("generator", (node.graphs[0], a.origin), [Ref(a.frame), a.env_value(node.args[0])])
    if node.static[0] == "generator":
        return value
    return library.collect(s, value, node.static[0])


def _choose(s: Specializer, a: Activation, node: Apply) -> Task:
    return a.choose(node)


OPERATIONS: dict[str, Callable[[Specializer, Activation, Apply], Any]] = {
    "py_load": _load,
    "py_store": _store,
    "py_delete": _delete,
    "py_global": _global,
    "py_free": _free,
    "py_import": _import,
    "py_binary": _binary,
    "py_inplace": _inplace,
    "py_unary": _unary,
    "py_compare": _compare,
    "py_getattr": _getattr,
    "py_imaginary": _imaginary,
    "py_setattr": _setattr,
    "py_getitem": _getitem,
    "py_setitem": _setitem,
    "py_slice": _slice,
    "py_call": _call,
    "py_tuple": _tuple,
    "py_list": _list,
    "py_dict": _dict,
    "py_text": _text,
    "py_format": _format,
    "py_unpack": _unpack,
    "py_part": _part,
    "py_function": _function,
    "py_generator": _generator,
    "py_choose": _choose,
}


def _call_method(s: Specializer, fn: Compound, args: list[Any], kwargs: dict[str, Any]) -> Task:
    return s.call(fn.children[0], [fn.children[1], *args], kwargs)


def _call_partial(s: Specializer, fn: Compound, args: list[Any], kwargs: dict[str, Any]) -> Task:
    count, names = fn.head
    return s.call(
        fn.children[0],
        [*fn.children[1 : 1 + count], *args],
        {**dict(zip(names, fn.children[1 + count :], strict=True)), **kwargs},
    )


def _call_built_in_method(s: Specializer, fn: Compound, args: list[Any], kwargs: dict[str, Any]) -> Task:
    return library.call_method(s, fn.head, fn.children[0], args, kwargs)


CALLABLE = {
    "method": _call_method,
    "partial": _call_partial,
    "built-in method": _call_built_in_method,
    "transform": derivatives.call_transform,
    "pullback": derivatives.call_pullback,
    "choice": call_choice,
}
