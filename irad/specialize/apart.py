"""Values that share no object with others: what a function under a derivative returns.

`vjp(lambda x: x[1:], x)` returns an array of its own, not a view of x: a derivative is that of a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irad.graph.nodes import Node
from irad.specialize.arrays.values import is_array, new_array, read
from irad.specialize.values import Compound, Obj, Ref, is_complex

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["apart"]


def apart(s: Specializer, v: Any) -> Any:
    """The value v with arrays, lists and other objects of its own; functions stay what they are."""
    if isinstance(v, Compound) and v.kind == "tuple":
        return Compound("tuple", v.head, [apart(s, c) for c in v.children])
    if is_complex(v):
        return Compound("complex", None, [apart(s, c) for c in v.children])
    if not isinstance(v, Ref) or v.obj.kind == "frame":
        return v
    if is_array(s, v):
        return new_array(s, read(s, v))
    content = s.store.get(v.obj)
    obj = Obj(v.obj.kind, v.obj.head, span=s.span)
    if isinstance(content, Compound):
        content = Compound(content.kind, content.head, [apart(s, c) for c in content.children])
    elif not isinstance(content, Node):
        return v
    s.store.set(obj, content)
    return Ref(obj)
