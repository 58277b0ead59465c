"""What is known of dtypes when a function is compiled: np.finfo, np.promote_types, np.issubdtype and their like."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.specialize.arrays.creation import dtype_of
from irad.specialize.arrays.table import HANDLERS, check_count, no_keywords
from irad.specialize.values import Known

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def _dtype(s: Specializer, v: Any) -> Any:
    return dtype_of(s, v).dtype


def _given(s: Specializer, v: Any) -> Any:
    """A class of dtypes, np.floating, or its name, as it is."""
    if isinstance(v, Known) and (isinstance(v.value, str) or (isinstance(v.value, type) and issubclass(v.value, np.generic))):
        return v.value
    return _dtype(s, v)


def _fact(function: Callable[..., Any], *kinds: Callable[[Any, Any], Any]) -> None:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        no_keywords(s, function.__name__, kwargs)
        check_count(s, function.__name__, args, len(kinds))
        found = function(*[kind(s, a) for kind, a in zip(kinds, args, strict=True)])
        return literal(bool(found)) if isinstance(found, (bool, np.bool_)) else Known(found)

    HANDLERS[function] = call


_fact(np.dtype, _dtype)
_fact(np.finfo, _dtype)
_fact(np.iinfo, _dtype)
_fact(np.promote_types, _dtype, _dtype)
_fact(np.issubdtype, _dtype, _given)
_fact(np.can_cast, _dtype, _dtype)
