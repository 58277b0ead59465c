"""What the rules of `grammar/types.lark` stand for: one method a rule. The texts of modules and of signatures share them."""

from __future__ import annotations

import math
import re
import struct
from typing import Any

from irad.types import (
    COMPLEX,
    OBJECT,
    PARTS,
    SCALARS,
    UNBOUND,
    Array,
    Dim,
    Form,
    List,
    Record,
    Scalar,
    Stack,
    Static,
    Sum,
    Tuple,
    Type,
    complex_type,
)

__all__ = ["LARGEST", "MAX_DIGITS", "TextError", "TypeRules", "dim_of", "number", "unquoted"]

LARGEST = 2**63 - 1  # of a size, and of the bytes of an array
MAX_DIGITS = 400  # of a number; the shortest text of a float has less than 26
MAX_PARTS = 100  # of a size


class TextError(Exception):
    """Text that means nothing, with the token at which that shows (None: the text as a whole)."""

    def __init__(self, name: str, token: Any, message: str, help: str = "") -> None:
        super().__init__(message)
        self.name, self.token, self.message, self.help = name, token, message, help


def number(token: str) -> int | float:
    """The value of a NUMBER: an int where it has neither a point nor an exponent."""
    if len(token) > MAX_DIGITS:
        raise TextError("ir-constant", token, f"the number {token[:20]}… has {len(token)} characters, more than {MAX_DIGITS}")
    if _is_int(token):
        return int(token)
    if token.startswith("nan:"):
        bits = int(token[4:], 16)
        value = struct.unpack("<d", struct.pack("<Q", bits))[0] if bits < 2**64 else 0.0
        if not math.isnan(value):
            raise TextError("ir-constant", token, f"{token} is not a nan")
        return value
    value = float(token)
    if math.isinf(value) and "inf" not in token:
        raise TextError("ir-constant", token, f"{token} is too large for a float; write inf if that is meant")
    return value


_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.)|$)", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}


def unquoted(token: str) -> str:
    """The text that a STRING stands for."""

    def character(m: re.Match[str]) -> str:
        code = m[1] or m[2] or m[3]
        if code is not None and int(code, 16) <= 0x10FFFF:
            return chr(int(code, 16))
        if m[4] not in _LETTERS:
            raise TextError("ir-constant", token, f"{m[0]} is no escape of a string")
        return _LETTERS[m[4]]

    return _ESCAPE.sub(character, token[1:-1])


def dim_of(parts: tuple[Any, ...]) -> int | Dim:
    """The size that signs and products in turn stand for; the first sign may be left out. A product is a list of factors."""
    parts = ("+", *parts) if len(parts) % 2 else parts
    if len(parts) > MAX_PARTS or any(len(factors) > MAX_PARTS for factors in parts[1::2]):
        raise TextError("ir-type", parts[1][0], f"a size of more than {MAX_PARTS // 2} terms or {MAX_PARTS} factors")
    terms: dict[tuple[str, ...], int] = {}
    for sign, factors in zip(parts[::2], parts[1::2], strict=True):
        symbols = tuple(sorted(str(f) for f in factors if not _is_int(f)))
        product = -1 if sign == "-" else 1
        for f in factors:
            product *= _int(f) if _is_int(f) else 1
            if abs(product) > LARGEST:
                raise TextError("ir-type", f, "a size does not fit 64 bits")
        terms[symbols] = total = terms.get(symbols, 0) + product
        if abs(total) > LARGEST:
            raise TextError("ir-type", factors[-1], "a size does not fit 64 bits")
    return Dim(terms).simplest()


def _is_int(token: str) -> bool:
    return re.fullmatch(r"-?[0-9]+", token) is not None


def _int(token: str) -> int:
    value = number(token)
    if not isinstance(value, int):
        raise TextError("ir-type", token, f"{token} is no size")
    return value


class TypeRules:
    """Called by Lark with the parts of a rule."""

    def scalar_type(self, name: Any) -> Type:
        if name == "object":
            return OBJECT
        if str(name) in PARTS:
            return complex_type(PARTS[str(name)])
        found = SCALARS.get(str(name))
        if found is None:
            known = ", ".join([*SCALARS, *PARTS])
            raise TextError("ir-type", name, f"no type is called {name}", f"scalars are {known}")
        return found

    def array_type(self, name: Any, *shape: Any) -> Type:
        if str(name) in ("c128", "c64"):
            return complex_type(self.array_type(str(PARTS[str(name)]), *shape))
        dtype = self.scalar_type(name)
        if not isinstance(dtype, Scalar) or dtype.weak:
            raise TextError("ir-type", name, f"an array holds machine scalars, not {dtype}")
        if any(isinstance(d, int) and d < 0 for d in shape):
            raise TextError("ir-type", name, f"a size of an array is negative: {name}[{', '.join(map(str, shape))}]")
        if math.prod(d for d in shape if isinstance(d, int) and d) * dtype.nbytes > LARGEST:
            raise TextError("ir-type", name, f"{name}[{', '.join(map(str, shape))}] has more bytes than 64 bits can count")
        if len(shape) > 32:
            raise TextError("ir-type", name, f"an array of {len(shape)} axes; NumPy and irad stop at 32")
        return Array(dtype, shape)

    def tuple_type(self, *items: Any) -> Type:
        return Tuple(items)

    def list_type(self, *items: Any) -> Type:
        return Record(Form("list", "list", range(len(items))), items)

    def dict_type(self, *pairs: Any) -> Type:
        return _record("dict", "", pairs)

    def record_type(self, name: str, *pairs: Any) -> Type:
        if name in ("irad.column", "irad.columns"):
            return _record("growing", name, pairs)
        if name == COMPLEX.name:
            return _record(COMPLEX.kind, name, pairs)
        keys = tuple((type(k), k) for k, _, _ in pairs)
        known = ("namedtuple", name, keys) in Form._interned
        return _record("namedtuple" if known else "dataclass", name, pairs)

    def growing_type(self, item: Any) -> Type:
        return List(item)

    def stack_type(self, item: Any) -> Type:
        return Stack(item)

    def static_type(self, value: Any) -> Type:
        return Static(value)

    def unbound_type(self) -> Type:
        return UNBOUND

    def sum_type(self, name: Any) -> Type:
        return Sum(str(name)[1:])

    def dim(self, *parts: Any) -> int | Dim:
        return dim_of(parts)

    def term(self, *factors: Any) -> list[Any]:
        return list(factors)

    def field(self, key: Any, type: Any) -> tuple[Any, Type, Any]:
        """Its key, its type, and the token of the key."""
        value, token = key
        return value, type, token

    def name_key(self, name: Any) -> tuple[str | bool, Any]:
        return {"True": True, "False": False}.get(name, str(name)), name

    def text_key(self, text: Any) -> tuple[str, Any]:
        return unquoted(text), text

    def number_key(self, text: Any) -> tuple[int | float, Any]:
        return number(text), text

    def qualified(self, *names: Any) -> str:
        return ".".join(map(str, names))

    def none_value(self) -> None:
        return None

    def ellipsis_value(self) -> Any:
        return ...

    def text_value(self, text: Any) -> str:
        return unquoted(text)

    def number_value(self, text: Any) -> int | float:
        return number(text)

    def true_value(self) -> bool:
        return True

    def false_value(self) -> bool:
        return False


def _record(kind: str, name: str, fields: tuple[Any, ...]) -> Record:
    keys: dict[Any, None] = {}
    for key, _, token in fields:
        if kind != "dict" and not isinstance(key, str):
            raise TextError("ir-type", token, f"the fields of {name}{{…}} have names")
        if key in keys:
            raise TextError("ir-type", token, f"two fields of {name}{{…}} are called {key!r}")
        keys[key] = None
    return Record(Form(kind, name, keys), [t for _, t, _ in fields])
