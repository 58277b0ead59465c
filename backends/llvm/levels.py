"""Where in a loop nest a value is made: before the innermost loop that it depends on, and there once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["Levels", "Value", "known"]


class Value(NamedTuple):
    """An operand: in how many loops it is known, and whether it is a vector."""

    text: str
    level: int = 0
    lane: bool = False


def known(text: str) -> bool:
    """Whether an integer is known."""
    return text.lstrip("-").isdigit()


class Levels:
    """Writes instructions through `e`, each at its level."""

    def __init__(self, e: Any, lanes: int = 0) -> None:
        self.e, self.lanes = e, lanes
        self.depth = 0
        self.pre: list[list[str]] = []  # of each open loop: what stands before it
        self.saved: list[list[str]] = []
        self.cache: list[dict[str, Value]] = [{}]

    @contextlib.contextmanager
    def at(self, level: int) -> Iterator[None]:
        """Write where a value of this level is made: before the loop that it does not depend on."""
        e = self.e
        if level >= self.depth:
            yield
            return
        before, e.lines = e.lines, self.pre[level]
        try:
            yield
        finally:
            e.lines = before

    def open(self) -> None:
        self.saved.append(self.e.lines)
        self.e.lines = []
        self.pre.append([])
        self.cache.append({})
        self.depth += 1

    def close(self) -> list[str]:
        """The lines of the loop's body; what stands before it is written."""
        e = self.e
        body: list[str] = e.lines
        e.lines = self.saved.pop()
        e.lines += self.pre.pop()
        self.cache.pop()
        self.depth -= 1
        return body

    def pure(self, text: str, level: int, *, lane: bool = False) -> Value:
        """An instruction that gives the same wherever it stands: made once a level."""
        found = self.cache[level].get(text)
        if found is None:
            with self.at(level):
                found = self.cache[level][text] = Value(self.e.emit(text), level, lane)
        return found

    def add(self, x: Value, y: Value) -> Value:
        if known(x.text) and known(y.text):
            return Value(str(int(x.text) + int(y.text)))
        if x.text == "0":
            return y
        if y.text == "0":
            return x
        return self.pure(f"add nsw i64 {x.text}, {y.text}", max(x.level, y.level))

    def mul(self, x: Value, y: Value) -> Value:
        if known(x.text) and known(y.text):
            return Value(str(int(x.text) * int(y.text)))
        if "0" in (x.text, y.text):
            return Value("0")
        if x.text == "1":
            return y
        if y.text == "1":
            return x
        return self.pure(f"mul nsw i64 {x.text}, {y.text}", max(x.level, y.level))

    def splat(self, v: Value, t: str) -> str:
        """A number in all lanes."""
        if v.lane:
            return v.text
        if not v.text.startswith("%"):
            return f"splat ({t} {v.text})"
        n = self.lanes
        one = self.pure(f"insertelement <{n} x {t}> poison, {t} {v.text}, i64 0", v.level, lane=True)
        return self.pure(
            f"shufflevector <{n} x {t}> {one.text}, <{n} x {t}> poison, <{n} x i32> zeroinitializer", v.level, lane=True
        ).text

    def fresh(self, t: str) -> str:
        """The name of a phi of type t, whose line follows."""
        self.e.counter += 1
        name = f"%v{self.e.counter}"
        self.e.made[name] = f"phi {t}"
        return name
