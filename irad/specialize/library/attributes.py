"""v.name for any value."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.errors import nearest
from irad.graph.build import constant, literal
from irad.specialize import instances
from irad.specialize.library.methods import METHODS
from irad.specialize.library.table import INSTEAD, supported
from irad.specialize.values import Compound, Known, Ref, is_complex, is_number

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def getattr_(s: Specializer, v: Any, name: str) -> Any:
    """v.name; a task for properties."""
    if isinstance(v, Known):
        return _static_attribute(s, v.value, name)
    found = instances.getattr_(s, v, name)
    if found is not None:
        return found
    if is_complex(v):
        from irad.specialize import complexes

        found = complexes.getattr_(s, v, name)
    else:
        found = s.arrays.getattr_(s, v, name)
    if found is not None:
        return found
    if is_number(v) and name in NUMBER_ATTRIBUTES:
        return NUMBER_ATTRIBUTES[name](s, v)
    kind = v.obj.kind if isinstance(v, Ref) else v.kind if isinstance(v, Compound) else "number"
    if (kind, name) in METHODS:
        return Compound("built-in method", (kind, name), [v])
    if isinstance(v, Compound) and v.kind == "partial" and name == "func":
        return v.children[0]
    raise s.refuse(
        "unsupported-attribute",
        f"`.{name}` of {s.describe(v)} cannot be compiled",
        help=INSTEAD.get(name) or nearest(name, _attributes(s, v, kind), _otherwise(s, kind, name)),
    )


def _otherwise(s: Specializer, kind: str, name: str) -> str:
    """Help for an attribute without a near name."""
    if kind in ("list", "tuple") and name in s.arrays.names():
        return f"make an array of it: np.array(x).{name}"
    return "write it out in Python, or compute it outside the compiled function"


def _attributes(s: Specializer, v: Any, kind: str) -> list[str]:
    """The names that a value has in compiled code."""
    names = [n for k, n in METHODS if k == kind]
    if kind == "array":
        return [*names, *s.arrays.names()]
    if kind == "number":
        return names + list(NUMBER_ATTRIBUTES)
    return names + instances.names(s, v)


def _nearest_attribute(s: Specializer, value: Any, name: str) -> str:
    """The nearest name that has a meaning in compiled code; else the nearest that there is."""
    otherwise = (
        "see docs/python.md for the functions that there are"
        if isinstance(value, ModuleType)
        else "see its definition for the names that it has"
    )
    there = [n for n in dir(value) if not n.startswith("_")]
    known = [n for n in there if supported(s, getattr(value, n, None))]
    return INSTEAD.get(name) or nearest(name, known) or nearest(name, there, otherwise)


def _static_attribute(s: Specializer, value: Any, name: str) -> Any:
    try:
        found = getattr(value, name)
    except AttributeError:
        if value is None:
            raise s.refuse(
                "none-attribute",
                f"None has no attribute `{name}`: the value may be None on this path",
                help="test it with `is None` first",
            ) from None
        what = "module" if isinstance(value, ModuleType) else "class" if isinstance(value, type) else "object"
        raise s.refuse(
            "unknown-attribute",
            f"the {what} `{getattr(value, '__name__', value)}` has no attribute `{name}`",
            help=_nearest_attribute(s, value, name),
        ) from None
    if isinstance(value, str):
        return Compound("built-in method", ("text", name), [Known(value)])
    library = isinstance(value, ModuleType) and value.__name__.split(".")[0] in ("math", "numpy", "scipy", "irad")
    if not library and not isinstance(value, (np.dtype, np.ufunc, np.finfo, np.iinfo)):  # which do not change
        s.object_guards.append((value, name, found))
    return s.from_python(found)


NUMBER_ATTRIBUTES: dict[str, Callable[[Any, Any], Any]] = {
    "real": lambda s, v: v,
    "imag": lambda s, v: constant(v.type, 0.0 if v.type.kind == "f" else 0),
    "shape": lambda s, v: Compound("tuple", None, []),
    "ndim": lambda s, v: literal(0),
    "size": lambda s, v: literal(1),
    "dtype": lambda s, v: Known(v.type.dtype),
    "T": lambda s, v: v,
}
