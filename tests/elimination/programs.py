"""Generated straight-line functions: several outputs, subexpressions that are shared and others that are written again.

    def f(x0, x1):
        v0 = np.sin(x0 * x1)
        v1 = v0 / (v0 * v0 + 0.7)
        return v1, v0, np.sin(x0 * x1) + x1

Of "small" arrays, values are numbers and arrays of a few: broadcasts, reductions, products of matrices, indices, slices. Of
"large" ones, which are eliminated as arrays and not number by number, there are blocks with steps, updates, gathers,
`concatenate`, and more products too.

Each value is computed as it is drawn, so that none grows large and no two are compared that are close.
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

__all__ = ["KINDS", "Program", "drawn"]

KINDS = ("numbers", "small", "large")

MOST = 20.0
UNARY = (
    *("np.sin({})", "np.cos({})", "np.tanh({})", "np.exp(-{0} * {0})", "np.sqrt({0} * {0} + 0.5)", "np.log({0} * {0} + 0.3)"),
    *("np.arctan({})", "{} ** 2", "{} ** 3", "-{}", "abs({})", "1.5 * {}", "{} - 0.25", "{} / 2", "0.75 / ({0} * {0} + 0.6)"),
    *("({0} * {0} + 0.2) ** 1.7", "np.where({0} > 0.1, np.sqrt(abs({0}) + 0.01), {0} * 0.5)", "np.exp({} * 0.1)", "1 - {}"),
)
BINARY = (
    *("{} + {}", "{} - {}", "{} * {}", "{} * {}", "{0} / ({1} * {1} + 0.7)", "np.arctan2({0}, {1} * {1} + 0.4)"),
    *("({0} * {0} + 0.3) ** {1}", "np.hypot({0}, {1} + 0.01)", "np.maximum({}, {})", "np.minimum({}, {})"),
    "np.where({0} > {1}, {0} * {1}, {1} - {0})",
)
OF_ARRAYS = (
    *("np.sum({})", "np.sum({}, axis=0)", "np.sum({}, axis=-1)", "np.mean({})", "np.max({})", "np.prod({})", "{}[0]", "{}[-1]"),
    *("{}[::-1]", "{}[1:]", "{}.T", "np.reshape({}, -1)", "{}[..., 0]", "{}[:, None]", "np.array([{0}[0], {0}[-1]])"),
    "{} + np.zeros((2, 2))",
)
PRODUCTS = ("{} @ {}", "np.dot({}, {})", "{}[:, None] * {}", "{}.T @ {}")
OF_LARGE = (
    *("np.sum({})", "np.sum({}, axis=0)", "np.sum({}, axis=-1)", "np.mean({}, axis=0)", "np.max({})", "np.max({}, axis=-1)"),
    *("np.prod({} * 0.1 + 1, axis=0)", "{}[0]", "{}[-1]", "{}[::-1]", "{}[1:]", "{}[:-1]", "{}[2:11:3]", "{}[..., ::2]"),
    *("{}.T", "{}[..., 1:4]", "np.reshape({}, -1)", "np.reshape({}, (4, -1))", "np.reshape({}, (-1, 5))", "np.diag({})"),
    *("{}[..., 0]", "{}[:, None]", "{}[None]", "np.array([{0}[0], {0}[-1]])", "{0}[1:] - {0}[:-1]", "np.roll({}, 2)"),
    *("{}[np.array([1, 3, 0, 3])]", "{}[..., [2, 0, 1]]", "np.concatenate([{0}[2:], {0}[:3]])", "np.trace({})"),
    *(
        "np.swapaxes({}, 0, 1)",
        "0.5 * {0}[:-2] + {0}[1:-1] * 1.5 - 0.25 * {0}[2:]",
        "np.transpose({}, (1, 2, 0))",
        "np.tril({})",
    ),
    *("np.mean({}, axis=1, keepdims=True)", "{0} - np.sum({0}, axis=0)", "np.repeat({}, 2)", "np.tile({}, 2)", "np.diff({})"),
    *("{}[np.arange(18) * 5 % 4]", "np.take({}, np.arange(20) * 3 % 7)", "{0}[np.arange(20) % 3, np.arange(20) % 4]"),
    "{}[..., np.arange(17) % 5]",
)
OF_TWO = (
    *("{} @ {}", "np.dot({}, {})", "{}[:, None] * {}", "{}.T @ {}", "{} @ {}.T", "np.outer({}, {})", "np.vdot({}, {})"),
    *(
        "np.concatenate([{}, {}])",
        "np.stack([{}, {}], axis=1)",
        "np.stack([{}, {}])",
        "np.einsum('ij,ij->i', {}, {})",
        "np.einsum('ij,jk->ki', {}, {})",
    ),
    *("np.einsum('i,ij->ij', {}, {})", "np.where({0}[..., ::2] > 0.1, {0}[..., ::2], {1}[..., 0])"),
    *("put({}, {}, 3)", "put({}, {}, slice(1, 9, 2))", "added({}, {}, slice(None, 5))", "put({}, {}, (slice(None), 1))"),
)
SHAPES = {
    "numbers": ((),),
    "small": ((), (), (2,), (3,), (2, 2), (2, 3)),
    "large": ((), (20,), (24,), (30,), (4, 6), (6, 4), (5, 8), (8, 5), (6, 6), (3, 4, 5), (1, 24), (20, 1)),
}
TEMPLATES = {
    "numbers": (UNARY, BINARY, BINARY),
    "small": (UNARY, BINARY, BINARY, OF_ARRAYS, PRODUCTS),
    "large": (UNARY, BINARY, OF_LARGE, OF_LARGE, OF_TWO, OF_TWO),
}
MOST_NUMBERS = {"numbers": 1, "small": 16, "large": 150}  # of a value
MOST_ENTRIES = {"numbers": 200, "small": 200, "large": 6000}  # of a Jacobian


def put(x, v, where):
    out = x.copy()
    out[where] = v
    return out


def added(x, v, where):
    out = x.copy()
    out[where] += v
    return out


def fits(f):
    """The helper, which refuses what NumPy cuts to fit."""

    def checked(x, v, where):
        if np.ndim(v) > np.ndim(x[where]) or not np.size(x[where]):
            raise ValueError
        return f(x, v, where)

    return checked


HELPERS = {"put": put, "added": added}
CHECKED = {name: fits(f) for name, f in HELPERS.items()}


@dataclass(frozen=True)
class Program:
    """A function of numbers and arrays that returns a tuple of them, as text and as a function; where it is differentiated."""

    text: str
    f: Any
    args: tuple[Any, ...]


def drawn(seed: int, kind: str = "numbers") -> Program:
    rng = Random(f"{seed} {kind}")
    shapes = [rng.choice(SHAPES[kind]) for _ in range(rng.randint(1, 4))]
    if kind == "large" and () in shapes:
        shapes.append((20,))
    args = tuple(_value(rng, shape) for shape in shapes)
    names = [f"x{i}" for i in range(len(args))]
    values: dict[str, Any] = dict(zip(names, args, strict=True))
    written: dict[str, str] = {}
    for k in range(rng.randint(4, 24)):
        text, value = _expression(rng, values, written, kind)
        values[f"v{k}"], written[f"v{k}"] = value, text
    outputs = [n for n in values if rng.random() < 0.15] + list(values)[-rng.randint(1, 3) :]
    while len(outputs) > 1 and sum(np.size(values[n]) for n in outputs) * sum(map(np.size, args)) > MOST_ENTRIES[kind]:
        outputs.pop(0)
    returned = [written[n] if n in written and rng.random() < 0.2 else n for n in outputs]
    lines = [f"def f({', '.join(names)}):", *(f"    {n} = {t}" for n, t in written.items())]
    text = "\n".join([*lines, f"    return ({', '.join(returned)},)", ""])
    return Program(text, _function(text, f"<elimination {seed} {kind}>"), args)


def _value(rng: Random, shape: tuple[int, ...]) -> Any:
    found = np.array([rng.choice((-1, 1)) * rng.uniform(0.2, 1.6) for _ in range(int(np.prod(shape)))]).reshape(shape)
    return found if shape else float(found)


def _expression(rng: Random, values: dict[str, Any], written: dict[str, str], kind: str) -> tuple[str, Any]:
    """The text of an expression, and its value."""
    while True:
        templates = rng.choice(TEMPLATES[kind])
        usable = {n: v for n, v in values.items() if np.ndim(v) or templates in (UNARY, BINARY)}
        if not usable:
            continue
        operands = [_operand(rng, usable, written) for _ in range(2)]
        text = rng.choice(templates).format(*operands)
        try:
            value = _evaluated(text, values)
        except (ValueError, IndexError, TypeError, AttributeError):
            continue  # shapes that do not fit
        if np.size(value) not in range(1, MOST_NUMBERS[kind] + 1):
            continue
        if not np.max(np.abs(value)) < MOST and np.all(np.isfinite(value)):
            text = f"np.sin({text})" if kind != "large" else f"({text}) * {2.0 / float(np.max(np.abs(value))):.2g}"
            value = _evaluated(text, values)
        if np.all(np.isfinite(value)) and not _close(text, values):
            return text, value


def _operand(rng: Random, values: dict[str, Any], written: dict[str, str]) -> str:
    """A value by its name, of late ones more often, or as it was written."""
    names = list(values)
    name = rng.choice(names[-4:]) if rng.random() < 0.6 else rng.choice(names)
    return f"({written[name]})" if name in written and len(written[name]) < 60 and rng.random() < 0.15 else name


def _evaluated(text: str, values: dict[str, Any]) -> Any:
    with np.errstate(all="ignore"):
        return eval(text, {"np": np, **CHECKED}, dict(values))


class _Watched:
    """NumPy, with a note of comparisons and extremes of numbers that are close."""

    def __init__(self) -> None:
        self.close = False

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def maximum(self, x: Any, y: Any) -> Any:
        self.close |= bool(np.any(np.abs(np.subtract(x, y)) < 1e-3))
        return np.maximum(x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        return -self.maximum(-x, -y)

    def where(self, test: Any, x: Any, y: Any) -> Any:
        return np.where(test, x, y)

    def max(self, x: Any, axis: int | None = None) -> Any:
        ordered = np.sort(x, axis=axis)
        self.close |= ordered.shape[-1] > 1 and bool(np.any(ordered[..., -1] - ordered[..., -2] < 1e-3))
        return np.max(x, axis=axis)


def _close(text: str, values: dict[str, Any]) -> bool:
    """Whether an expression has a kink nearby."""
    watched = _Watched()
    with np.errstate(all="ignore"):
        eval(text, {"np": watched, **HELPERS}, dict(values))
    if "abs(" in text or "np.where" in text:
        moved = [eval(text, {"np": np, **HELPERS}, {n: v + h for n, v in values.items()}) for h in (0.0, 1e-6)]
        return watched.close or bool(np.max(np.abs(moved[1] - moved[0])) > 1e-3)
    return watched.close


def _function(text: str, file: str) -> Any:
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # irad reads the source of functions
    names: dict[str, Any] = {"np": np, "__name__": "drawn", **HELPERS}
    exec(compile(text, file, "exec"), names)
    return names["f"]
