"""v.name for any value."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from irad.graph.build import constant, literal
from irad.specialize import objects
from irad.specialize.library.methods import METHODS
from irad.specialize.values import Compound, Known, Ref, is_number

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def getattr_(s: Specializer, v: Any, name: str) -> Any:
    """v.name; a task for properties."""
    if isinstance(v, Known):
        return _static_attribute(s, v.value, name)
    found = objects.getattr_(s, v, name)
    if found is not None:
        return found
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
    near = difflib.get_close_matches(name, [n for k, n in METHODS if k == kind] + list(NUMBER_ATTRIBUTES), 1)
    raise s.refuse(
        "unsupported-attribute",
        f"`.{name}` of {s.describe(v)} cannot be compiled",
        help=f"did you mean `.{near[0]}`?" if near else "write it out in Python, or compute it outside the compiled function",
    )


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
        near = difflib.get_close_matches(name, dir(value), 1)
        raise s.refuse(
            "unknown-attribute",
            f"{getattr(value, '__name__', value)!r} has no attribute `{name}`",
            help=f"did you mean `{near[0]}`?" if near else "",
        ) from None
    if isinstance(value, str):
        return Compound("built-in method", ("text", name), [Known(value)])
    if not (isinstance(value, ModuleType) and value.__name__.split(".")[0] in ("math", "numpy", "scipy", "irad")):
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
