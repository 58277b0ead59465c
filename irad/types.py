"""The types of irad's IR: frozen, interned values, compared by `is`.

f64 f32 i64 i32 bool        machine scalars
float int                   Python's scalars: the bits of f64 and i64, weak in NumPy 2 promotion
(f64, int)  [f64, f64]      tuple; a list of fixed length, which at run time is a tuple
{a: f64}  model.P{a: f64}   dict with constant keys; dataclass or NamedTuple
f64[3,n]                    array; a dim is an int or a polynomial in symbols
list[f64]  stack[f64]       growing list; stack of residuals
static(None)                a value known at compile time
unbound                     a variable without a value
@h                          a sum declared by the module (`type @h = ...`): recursive residuals, function values
"""

from __future__ import annotations

import contextlib
import math
import re
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

__all__ = [
    "BOOL",
    "F32",
    "F64",
    "FLOAT",
    "I8",
    "I16",
    "I32",
    "I64",
    "INT",
    "NONE",
    "OBJECT",
    "UNBOUND",
    "UNIT",
    "Array",
    "Dim",
    "Form",
    "JoinError",
    "List",
    "Record",
    "Scalar",
    "Stack",
    "Static",
    "Struct",
    "Sum",
    "Tuple",
    "Type",
    "Unbound",
    "is_float",
    "join",
    "leaves",
    "own_dims",
    "tangent_type",
]


class Type:
    """Base of all types. Making an equal one twice gives the same object."""

    __slots__ = ("__weakref__", "_text")
    _interned: ClassVar[dict[tuple[Any, ...], Any]] = {}
    _text: str

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def __reduce__(self) -> Any:
        raise TypeError("types are interned; pickle their text")


_T = TypeVar("_T", bound=Type)


def _intern(cls: type[_T], key: tuple[Any, ...]) -> tuple[_T, bool]:
    """The type of class cls and this key; a new one, to be filled in and `_kept`, where there is none."""
    found = Type._interned.get((cls, *key))
    return (object.__new__(cls), True) if found is None else (found, False)


def _kept(made: _T, key: tuple[Any, ...]) -> _T:
    """A new type, from now on the only one of its key: not before it is whole, since a signal may end any of this."""
    kept: _T = Type._interned.setdefault((type(made), *key), made)
    return kept


NARROW = ("i8", "u8", "i16", "u16", "u32")


class Scalar(Type):
    """A number or truth value in a register. `kind` is 'f', 'i' or 'b'; weak scalars are Python's own. `narrow` integers are
    those that arrays are made of and nothing is computed in: operations take them as 64-bit integers, and cut the result."""

    __slots__ = ("dtype", "kind", "narrow", "signed", "strong", "weak", "width")
    kind: str
    width: int
    signed: bool
    narrow: bool
    weak: bool
    strong: Scalar
    dtype: np.dtype[Any]

    def __new__(cls, name: str, kind: str = "", width: int = 0, strong: Scalar | None = None) -> Scalar:
        self, new = _intern(cls, (name,))
        if new:
            self._text, self.kind, self.width = name, kind, width
            self.weak, self.strong = strong is not None, strong or self
            self.signed, self.narrow = not name.startswith("u"), name in NARROW
            letter = kind if self.signed else "u"
            self.dtype = strong.dtype if strong else np.dtype({"b": "bool"}.get(kind, f"{letter}{width // 8}"))
        return _kept(self, (name,)) if new else self

    @property
    def nbytes(self) -> int:
        return max(1, self.width // 8)


F64, F32 = Scalar("f64", "f", 64), Scalar("f32", "f", 32)
I64, I32 = Scalar("i64", "i", 64), Scalar("i32", "i", 32)
BOOL = Scalar("bool", "b", 1)
FLOAT, INT = Scalar("float", "f", 64, F64), Scalar("int", "i", 64, I64)
I8, U8, I16, U16, U32 = (Scalar(name, "i", int(name[1:])) for name in NARROW)
SCALARS = {str(t): t for t in (F64, F32, I64, I32, BOOL, FLOAT, INT, I8, U8, I16, U16, U32)}
MACHINE = {t.dtype: t for t in SCALARS.values() if not t.weak}  # by NumPy's dtype


class Dim:
    """A size that is a polynomial in symbols: `n+1`, `2*n*m`. Terms map sorted symbol tuples to integers."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[tuple[str, ...], int]) -> None:
        self.terms = tuple(sorted((k, v) for k, v in terms.items() if v))

    @classmethod
    def symbol(cls, name: str) -> Dim:
        return cls({(name,): 1})

    @staticmethod
    def of(value: int | Dim) -> Dim:
        return value if isinstance(value, Dim) else Dim({(): int(value)})

    def simplest(self) -> int | Dim:
        """An int where the polynomial is constant."""
        if not self.terms:
            return 0
        if len(self.terms) == 1 and self.terms[0][0] == ():
            return self.terms[0][1]
        return self

    def __add__(self, other: int | Dim) -> int | Dim:
        out = dict(self.terms)
        for k, v in Dim.of(other).terms:
            out[k] = out.get(k, 0) + v
        return Dim(out).simplest()

    def __mul__(self, other: int | Dim) -> int | Dim:
        out: dict[tuple[str, ...], int] = {}
        for k1, v1 in self.terms:
            for k2, v2 in Dim.of(other).terms:
                k = tuple(sorted(k1 + k2))
                out[k] = out.get(k, 0) + v1 * v2
        return Dim(out).simplest()

    def __sub__(self, other: int | Dim) -> int | Dim:
        return self + Dim({k: -v for k, v in Dim.of(other).terms})

    __radd__, __rmul__ = __add__, __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms)

    def renamed(self, names: Mapping[str, str]) -> Dim:
        """The same polynomial in other symbols, different ones for different ones."""
        return Dim({tuple(sorted([names.get(s, s) for s in k])): v for k, v in self.terms})

    def symbols(self) -> set[str]:
        return {s for k, _ in self.terms for s in k}

    def least(self, floor: int) -> int | None:
        """The least value of the polynomial for symbols of `floor` or more, where its terms show one."""
        shifted = Dim.of(sum(c * math.prod(Dim.symbol(s) + floor for s in k) for k, c in self.terms))
        return None if any(c < 0 for k, c in shifted.terms if k) else dict(shifted.terms).get((), 0)

    def over(self, factor: int | Dim) -> int | Dim | None:
        """The polynomial divided by one term, where that leaves no remainder whatever the symbols are."""
        terms = Dim.of(factor).terms
        if len(terms) != 1:
            return None
        ((symbols, c),) = terms
        out: dict[tuple[str, ...], int] = {}
        for k, v in self.terms:
            left = list(k)
            if v % c or any(left.count(s) < symbols.count(s) for s in symbols):
                return None
            for s in symbols:
                left.remove(s)
            out[tuple(left)] = v // c
        return Dim(out).simplest()

    def __str__(self) -> str:
        parts = []
        for symbols, c in sorted(self.terms, key=lambda t: (t[0] == (), t[0])):
            factors = ([str(c)] if c != 1 or not symbols else []) + list(symbols)
            parts.append("*".join(factors))
        return "+".join(parts).replace("+-", "-")

    __repr__ = __str__


class Array(Type):
    """`f64[3,n]`: a C-ordered array of machine scalars with a known rank."""

    __slots__ = ("dtype", "shape")
    dtype: Scalar
    shape: tuple[int | Dim, ...]

    def __new__(cls, dtype: Scalar, shape: Iterable[int | Dim]) -> Array:
        shape = tuple(shape)
        self, new = _intern(cls, (dtype, shape))
        if new:
            self.dtype, self.shape = dtype, shape
            self._text = f"{dtype}[{','.join(map(str, shape))}]"
        return _kept(self, (dtype, shape)) if new else self

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def static_shape(self) -> tuple[int, ...] | None:
        """The shape where every dim is known at compile time."""
        known = tuple(d for d in self.shape if isinstance(d, int))
        return known if len(known) == len(self.shape) else None


class Form:
    """What a record is in Python: its kind, its class where it has one, its keys. Interned."""

    __slots__ = ("keys", "kind", "name")
    _interned: ClassVar[dict[tuple[Any, ...], Form]] = {}
    _classes: ClassVar[weakref.WeakValueDictionary[str, type]] = weakref.WeakValueDictionary()
    kind: str
    name: str
    keys: tuple[Any, ...]

    def __new__(cls, kind: str, name: str, keys: Iterable[Any]) -> Form:
        keys = tuple(keys)
        key = (kind, name, tuple((type(k), k) for k in keys))
        self = cls._interned.get(key)
        if self is None:
            self = object.__new__(cls)
            self.kind, self.name, self.keys = kind, name, keys
            self = cls._interned.setdefault(key, self)
        return self

    @classmethod
    def of_class(cls, kind: str, python_class: type, keys: Iterable[str]) -> Form:
        """The form of a dataclass or NamedTuple; a second class of one name gets a suffix."""
        whole = f"{python_class.__module__}.{python_class.__qualname__}".replace("<locals>.", "")
        base = name = ".".join(re.sub(r"^(?=\d)|\W", "_", part) or "_" for part in whole.split("."))  # names of the IR's text
        n = 1
        while cls._classes.get(name, python_class) is not python_class:
            n += 1
            name = f"{base}_{n}"
        cls._classes[name] = python_class
        return cls(kind, name, keys)

    @property
    def python_class(self) -> type | None:
        return self._classes.get(self.name)


COMPLEX = Form("complex", "irad.complex", ["real", "imag"])  # a complex number or array, as its two parts
COLUMN = Form("growing", "irad.column", ["c0"])  # a list of numbers in a result, as an array; irad.columns: of tuples


class Struct(Type):
    """A fixed sequence of values: what tuples and records have in common."""

    __slots__ = ("items",)
    items: tuple[Type, ...]

    def index(self, key: Any) -> int:
        raise NotImplementedError


class Tuple(Struct):
    __slots__ = ()

    def __new__(cls, items: Iterable[Type]) -> Tuple:
        items = tuple(items)
        self, new = _intern(cls, items)
        if new:
            self.items = items
            self._text = f"({', '.join(map(str, items))}{',' if len(items) == 1 else ''})"
        return _kept(self, items) if new else self


class Record(Struct):
    """A list of fixed length, a dict with constant keys, a dataclass, a NamedTuple, or the two parts of a complex value."""

    __slots__ = ("form",)
    form: Form

    def __new__(cls, form: Form, items: Iterable[Type]) -> Record:
        items = tuple(items)
        self, new = _intern(cls, (form, *items))
        if new:
            self.form, self.items = form, items
            if form.kind == "list":
                self._text = f"[{', '.join(map(str, items))}]"
            elif form is COMPLEX and items[0] is items[1] and isinstance(items[0], (Scalar, Array)):
                self._text = complex_text(items[0])
            else:
                key = (lambda k: k if k.isidentifier() else repr(k)) if form.kind != "dict" else repr
                fields = ", ".join(f"{key(k)}: {t}" for k, t in zip(form.keys, items, strict=True))
                self._text = f"{form.name}{{{fields}}}"
        return _kept(self, (form, *items)) if new else self


PARTS = {"complex": FLOAT, "c128": F64, "c64": F32}  # the parts of complex numbers, by the names of their types


def complex_text(part: Type) -> str:
    """The text of the type of a complex value with parts of this type: `c128[3]` for `f64[3]`."""
    dtype, _, shape = str(part).partition("[")
    name = next(name for name, t in PARTS.items() if str(t) == dtype)
    return f"{name}[{shape}" if shape else name


def complex_type(part: Type) -> Record:
    return Record(COMPLEX, (part, part))


class List(Type):
    """`list[τ]`: a list that grows at run time."""

    __slots__ = ("item",)
    item: Type

    def __new__(cls, item: Type) -> List:
        self, new = _intern(cls, (item,))
        if new:
            self.item, self._text = item, f"list[{item}]"
        return _kept(self, (item,)) if new else self


class Stack(Type):
    """`stack[τ]`: residuals of a loop, last in first out. Empty stands for all zeros where it holds cotangents."""

    __slots__ = ("item",)
    item: Type

    def __new__(cls, item: Type) -> Stack:
        self, new = _intern(cls, (item,))
        if new:
            self.item, self._text = item, f"stack[{item}]"
        return _kept(self, (item,)) if new else self


class Sum(Type):
    """`@name`: a sum of cases that the module declares; a value is a reference to a tag and its fields, or nothing."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str) -> Sum:
        self, new = _intern(cls, (name,))
        if new:
            self.name, self._text = name, f"@{name}"
        return _kept(self, (name,)) if new else self


class Static(Type):
    """A value known at compile time: None, a string, a dtype. It takes no room at run time."""

    __slots__ = ("value",)
    value: Any

    def __new__(cls, value: Any) -> Static:
        if callable(value):  # functions come and go: nothing is remembered of them
            self, new = object.__new__(cls), True
        else:
            self, new = _intern(cls, (type(value), value))
        if new:
            self.value, self._text = value, f"static({value!r})"
        return _kept(self, (type(value), value)) if new and not callable(value) else self


class Object(Type):
    """A Python object of the python stage, where nothing is known of types yet."""

    __slots__ = ()

    def __new__(cls) -> Object:
        self, new = _intern(cls, ())
        if new:
            self._text = "object"
        return _kept(self, ()) if new else self


class Unbound(Type):
    __slots__ = ()

    def __new__(cls) -> Unbound:
        self, new = _intern(cls, ())
        if new:
            self._text = "unbound"
        return _kept(self, ()) if new else self


NONE, UNBOUND, UNIT, OBJECT = Static(None), Unbound(), Tuple(()), Object()


def is_float(t: Type) -> bool:
    """Whether values of t are numbers with a derivative: float scalars and arrays of them."""
    return (isinstance(t, Scalar) and t.kind == "f") or (isinstance(t, Array) and t.dtype.kind == "f")


def leaves(t: Type) -> list[Type]:
    """The types of t that are not structs, left to right; static values take no room and are left out."""
    out, todo = [], [t]
    while todo:
        t = todo.pop()
        if isinstance(t, Struct):
            todo.extend(reversed(t.items))
        elif not isinstance(t, (Static, Unbound)):
            out.append(t)
    return out


def tangent_type(t: Type) -> Type | None:
    """T(t), the type of tangents and cotangents; None where there are none. Sums are renamed: T(@h) = @h.t."""
    if isinstance(t, Scalar):
        return t if t.kind == "f" else None
    if isinstance(t, Array):
        return t if t.dtype.kind == "f" else None
    if isinstance(t, Struct):
        return Tuple(tangent_type(i) or UNIT for i in t.items)
    if isinstance(t, List):
        item = tangent_type(t.item)
        return List(item) if item else None
    if isinstance(t, Stack):
        return Stack(tangent_type(t.item) or UNIT)
    if isinstance(t, Sum):
        return Sum(t.name + ".t")
    return None


class JoinError(Exception):
    """Two types have no common one; the caller knows the lines and says so."""


def join(a: Type, b: Type) -> Type:
    """The least type that both a and b convert to (DESIGN: weak with strong is strong, int with float is float)."""
    if a is b:
        return a
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        if a.strong is b.strong:
            return a.strong
        if "b" in (a.kind, b.kind):
            raise JoinError(f"{a} and {b}: a truth value is not a number here")
        if a.weak and b.weak:
            return FLOAT
        return _strong_join(a, b)
    if isinstance(a, Array) and isinstance(b, Array) and a.dtype is b.dtype and a.rank == b.rank:
        return Array(a.dtype, (m if m == n else fresh_dim() for m, n in zip(a.shape, b.shape, strict=True)))
    if isinstance(a, Tuple) and isinstance(b, Tuple) and len(a.items) == len(b.items):
        return Tuple(map(join, a.items, b.items))
    if isinstance(a, Record) and isinstance(b, Record) and a.form is b.form:
        return Record(a.form, map(join, a.items, b.items))
    if isinstance(a, List) and isinstance(b, List):
        return List(join(a.item, b.item))
    raise JoinError(f"{a} and {b}")


def _strong_join(a: Scalar, b: Scalar) -> Scalar:
    if a.weak or b.weak:
        weak, strong = (a, b) if a.weak else (b, a)
        if weak.kind == "i" or strong.kind == "f":
            return strong
        return F64  # a Python float with a machine integer
    return MACHINE[np.promote_types(a.dtype, b.dtype)]


SMALLEST = 2  # of a size that a symbol in an argument's type stands for: 1 is repeated, and of 0 there are no extrema


class _Dims(threading.local):
    def __init__(self) -> None:
        self.count = 0
        self.given: frozenset[str] = frozenset()
        self.parameters: dict[Any, Dim] = {}


_dims = _Dims()


def fresh_dim() -> Dim:
    """A size nothing is known about."""
    while True:
        _dims.count += 1
        if (name := f"d{_dims.count}") not in _dims.given:
            return Dim.symbol(name)


def given_dims() -> frozenset[str]:
    """The symbols in the types of the arguments of the program that is being made: each is one size, at least SMALLEST, in
    all of the program."""
    return _dims.given


def size_parameters() -> dict[Any, Dim]:
    """The parameters of the program that is being made which are known to be sizes of its arguments, or made of them."""
    return _dims.parameters


@contextlib.contextmanager
def own_dims(given: frozenset[str] = frozenset()) -> Iterator[None]:
    """Count sizes from 1 for one program, so that its text does not depend on the programs before it."""
    before = _dims.count, _dims.given, _dims.parameters
    _dims.count, _dims.given, _dims.parameters = 0, given, {}
    try:
        yield
    finally:
        _dims.count, _dims.given, _dims.parameters = before


def product(shape: Iterable[int | Dim]) -> int | Dim:
    """The number of elements of a shape."""
    return math.prod(shape)
