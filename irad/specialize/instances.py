"""Instances of classes, and NamedTuples, as abstract values: making them, their attributes and special methods."""

from __future__ import annotations

import collections
import dataclasses
import inspect
from collections.abc import Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from irad.errors import meant, nearest
from irad.graph.walk import Task
from irad.specialize.objects import class_of, content, is_instance, is_tuple, write
from irad.specialize.values import Compound, Known, Obj, Ref, Unbound, give_name

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["getattr_", "is_python_class", "make_instance", "names", "setattr_", "special_method"]


def make_instance(s: Specializer, cls: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """cls(*args) for a dataclass, a NamedTuple or a plain class with an `__init__` in Python."""
    _refuse_making(s, cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        values = _fields(s, cls, cls._fields, cls._field_defaults, args, kwargs)
        for n, v in zip(cls._fields, values, strict=True):
            give_name(s, v, n)
        return Compound("tuple", cls, values)
    init = _class_attribute(cls, "__init__")
    if not dataclasses.is_dataclass(cls) or not _is_generated(init):
        obj = Obj("instance", cls, span=s.span)
        s.store.set(obj, Compound("fields", (), ()))
        if isinstance(init, FunctionType):
            yield s.call(Compound("method", None, [s.from_python(init), Ref(obj)]), args, kwargs)
        elif args or kwargs:
            raise s.refuse("wrong-arguments", f"{cls.__name__}() takes no arguments", help="define `__init__` with parameters")
        return Ref(obj)
    fields = [f for f in dataclasses.fields(cls) if f.init]
    defaults = {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
    defaults.update({f.name: _MADE for f in fields if f.default_factory is not dataclasses.MISSING})
    values = _fields(
        s, cls, [f.name for f in fields if not f.kw_only], defaults, args, kwargs, [f.name for f in fields if f.kw_only]
    )
    names = [f.name for f in fields if not f.kw_only] + [f.name for f in fields if f.kw_only]
    by_name = dict(zip(names, values, strict=True))
    for f in dataclasses.fields(cls):
        if f.name not in by_name and f.default is not dataclasses.MISSING:
            by_name[f.name] = s.from_python(f.default)
        elif by_name.get(f.name, _MADE) is _MADE and f.default_factory is not dataclasses.MISSING:
            by_name[f.name] = yield s.call(s.from_python(f.default_factory), [], {})
    for n, v in by_name.items():
        give_name(s, v, n)
    obj = Obj("instance", cls, span=s.span)
    s.store.set(obj, Compound("fields", tuple(by_name), by_name.values()))
    post = getattr(cls, "__post_init__", None)
    if post is not None:
        yield s.call(Compound("method", None, [s.from_python(post), Ref(obj)]), [], {})
    return Ref(obj)


_MADE = Known("made by its default_factory")  # a field that was not given


def is_python_class(cls: type) -> bool:
    """Whether the instances of a class, which is not one of NumPy's, are made by an `__init__` in Python, or by none."""
    init = _class_attribute(cls, "__init__")
    return cls.__module__.split(".")[0] != "numpy" and (
        isinstance(init, FunctionType) or (init is object.__init__ and bool(cls.__flags__ & HEAP_TYPE))
    )


HEAP_TYPE = 1 << 9  # CPython's flag of classes that are made at run time
HOOKS = ("__setattr__", "__getattribute__", "__getattr__", "__delattr__")  # what gives attributes another meaning


def _hooks(cls: type) -> list[str]:
    """What a class defines that gives the attributes of its instances another meaning."""
    return [n for n in HOOKS if isinstance(f := _class_attribute(cls, n), FunctionType) and not _is_generated(f)]


def _refuse_making(s: Specializer, cls: type) -> None:
    """Refuse a class that changes how its instances are made, or what their attributes mean."""
    reasons = [f"it has {n}" for n in _hooks(cls)]
    new = _class_attribute(cls, "__new__")
    if new is not vars(object)["__new__"] and not (hasattr(cls, "_fields") and _is_generated(new)):
        reasons.append("it has __new__")
    elif type(cls).__call__ is not type.__call__:
        reasons.append("it has a metaclass")
    elif inspect.isabstract(cls):
        reasons.append("it is abstract")
    if reasons:
        raise s.refuse(
            "unsupported-class",
            f"instances of `{cls.__name__}` cannot be made in compiled code: {reasons[0]}",
            help="make an instance of a class that defines the abstract methods"
            if reasons == ["it is abstract"]
            else "make it a dataclass or a NamedTuple",
        )


def _refuse_hooks(s: Specializer, cls: type) -> None:
    """Refuse to read or set an attribute where the class gives that another meaning."""
    for name in _hooks(cls):
        raise s.refuse(
            "unsupported-class",
            f"attributes of `{cls.__name__}` have a meaning of their own: it has {name}",
            help="write a property, or a method",
        )


def _is_generated(f: Any) -> bool:
    """Whether a method is written by `dataclasses` or `NamedTuple`."""
    f = getattr(f, "__func__", f)
    return isinstance(f, FunctionType) and f.__code__.co_filename == "<string>"


def _fields(
    s: Specializer,
    cls: Any,
    names: Sequence[str],
    defaults: dict[str, Any],
    args: list[Any],
    kwargs: dict[str, Any],
    keyword: Sequence[str] = (),
) -> list[Any]:
    if len(args) > len(names):
        raise s.refuse(
            "wrong-arguments",
            f"{cls.__name__}() takes {len(names)} positional arguments but {len(args)} were given",
            help=f"its fields are {', '.join(names)}",
        )
    values = dict(zip(names, args, strict=False))
    for k, v in kwargs.items():
        if k in values or k not in (*names, *keyword):
            raise s.refuse(
                "wrong-arguments",
                f"{cls.__name__}() got an unexpected keyword argument '{k}'",
                help=nearest(k, (*names, *keyword), f"its fields are {', '.join((*names, *keyword))}"),
            )
        values[k] = v
    for n in (*names, *keyword):
        if n not in values:
            if n not in defaults:
                raise s.refuse(
                    "wrong-arguments",
                    f"{cls.__name__}() missing the argument '{n}'",
                    help=f"its fields are {', '.join((*names, *keyword))}",
                )
            values[n] = s.from_python(defaults[n]) if defaults[n] is not _MADE else _MADE
    return [values[n] for n in (*names, *keyword)]


def special_method(s: Specializer, v: Any, name: str) -> Compound | None:
    """The user's `__add__` and the like, bound."""
    cls = class_of(v)
    found = None if cls is None else _class_attribute(cls, name)
    if isinstance(found, FunctionType) and found.__code__.co_filename != "<string>":
        return Compound("method", None, [s.from_python(found), v])
    return None


def _class_attribute(cls: type, name: str) -> Any:
    for c in cls.__mro__:
        if name in vars(c):
            return vars(c)[name]
    return None


def getattr_(s: Specializer, v: Any, name: str) -> Any:
    """A field, property or method of an instance or NamedTuple; None where v is neither."""
    cls = class_of(v)
    if cls is None:
        return None
    if isinstance(_class_attribute(cls, "__getattribute__"), FunctionType):
        _refuse_hooks(s, cls)
    if is_tuple(v):
        if name in cls._fields:  # type: ignore[attr-defined]
            return v.children[cls._fields.index(name)]  # type: ignore[attr-defined]
    else:
        fields = content(s, v)
        if name in fields.head:
            found = fields.children[fields.head.index(name)]
            if isinstance(found, Unbound):
                raise s.refuse("unset-name", f"`{name}` is not set on every path", help="set it in `__init__`, on every path")
            return found
    _refuse_hooks(s, cls)
    found = _class_attribute(cls, name)
    if is_tuple(v) and isinstance(found, FunctionType) and found.__code__.co_filename == collections.__file__:
        return None  # a NamedTuple's own methods are irad's
    if isinstance(found, property):
        return s.call(s.from_python(found.fget), [v], {})
    if isinstance(found, FunctionType):
        return Compound("method", None, [s.from_python(found), v])
    if isinstance(found, staticmethod):
        return s.from_python(found.__func__)
    if isinstance(found, classmethod):
        return Compound("method", None, [s.from_python(found.__func__), Known(cls)])
    if found is None:
        s.b.raise_(
            error="AttributeError", message=f"'{cls.__name__}' object has no attribute '{name}'{meant(name, names(s, v))}"
        )
        raise s.Bottom
    if hasattr(type(found), "__get__"):  # a compiled function binds as a method
        if not callable(found):
            raise s.refuse(
                "unsupported-attribute",
                f"`.{name}` of `{cls.__name__}` is a {type(found).__name__}, which cannot be compiled",
                help="make it a property, or a method",
            )
        return Compound("method", None, [s.from_python(found), v])
    return s.from_python(found)


def names(s: Specializer, v: Any) -> list[str]:
    """The fields and methods of an instance or NamedTuple; none of other values."""
    cls = class_of(v)
    if cls is None:
        return []
    fields = cls._fields if is_tuple(v) else content(s, v).head  # type: ignore[attr-defined]
    return [*fields, *(n for n in dir(cls) if not n.startswith("_"))]


def setattr_(s: Specializer, v: Any, name: str, value: Any) -> Task | None:
    cls = class_of(v)
    if not is_instance(v) or cls is None:
        raise s.refuse("immutable", f"attributes of {s.describe(v)} cannot be set", help="make a new one with other values")
    params = getattr(cls, "__dataclass_params__", None)
    if params is not None and params.frozen:
        raise s.refuse("immutable", f"`{cls.__name__}` is a frozen dataclass", help="make a new one with dataclasses.replace")
    _refuse_hooks(s, cls)
    found = _class_attribute(cls, name)
    if isinstance(found, property):
        if found.fset is None:
            raise s.refuse(
                "immutable",
                f"the property `{name}` of `{cls.__name__}` has no setter",
                help="set the attribute that it is computed from",
            )
        return s.call(s.from_python(found.fset), [v, value], {})
    fields = content(s, v)
    new = dict(zip(fields.head, fields.children, strict=True))
    new[name] = value
    write(s, v, Compound("fields", tuple(new), new.values()))
    return None
