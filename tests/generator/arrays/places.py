"""Indices: integers, slices of every step, ..., newaxis, arrays of integers with repeats, masks; mixed, static or not."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.generator.arrays.drawing import Drawing

__all__ = ["Places"]


class Places(Drawing):
    """Draws indices of arrays."""

    def place(self, x: np.ndarray[Any, Any], fancy: float = 0.25, new: bool = True) -> str:
        """An index of x that selects some of it, as text."""
        if x.ndim == 0:
            return self.pick(["...", "()"] + ["None"] * new)
        if self.chance(fancy * 0.3):
            found = self.mask_of(x)
            if found:
                self.tags.add("mask")
                return found
        count = self.rng.randint(1, x.ndim)
        parts = [self.part(n, fancy) for n in x.shape[:count]]
        if new and self.chance(0.1):
            parts.insert(self.rng.randint(0, len(parts)), self.pick(["None", "np.newaxis"]))
            self.tags.add("newaxis")
        if self.chance(0.08):
            self.tags.add("ellipsis")
            where = self.rng.randint(0, len(parts)) if count == x.ndim else self.pick([0, len(parts)])
            if where == 0 and count < x.ndim:
                axes = iter(x.shape[x.ndim - count :])
                parts = [p if "None" in p or "newaxis" in p else self.part(next(axes), fancy) for p in parts]
            parts.insert(where, "...")
        return ", ".join(parts)

    def part(self, n: int, fancy: float) -> str:
        """An index along an axis of n elements."""
        kind = self.rng.random()
        if kind < fancy:
            return self.integers(n)
        if kind < fancy + (1 - fancy) * 0.4:
            return self.position(n)
        return self.cut(n)

    def position(self, n: int) -> str:
        """One position among n, known at run time only or not."""
        if n == 0:
            return ":"
        names = self.ints()
        if names and self.chance(0.55):
            i = self.pick(names)
            self.tags.add("computed index")
            options = [f"{i} % {n}", f"({i} * 2 + 1) % {n}", f"-1 - {i} % {n}", f"({i} - 1) % {n}"]
            v = self.env[i]
            if -n <= v < n:
                options += [i, i, i]
            if -n <= v - 1 < n:
                options.append(f"{i} - 1")
            return self.pick(options)
        k = self.rng.randrange(n)
        return str(k - n if self.chance(0.3) else k)

    def cut(self, n: int) -> str:
        """A slice."""
        names = self.ints()
        a = self.rng.randrange(n + 1)
        b = self.rng.randint(a, n)
        options = [":", f"{a}:{b}", f"{a}:", f":{b}", "::-1", "::2", "1::2", "1:", ":-1", "1:-1", f"{b}:{a}:-1", "::-2", "-2:"]
        if n > 3:
            options += ["::3", "2::2", "-1:0:-2"]
        if names and self.chance(0.3):
            i = self.pick(names)
            found = [f"{i}:", f":{i}", f"{i}:{i} + 2", f"{i} % {n + 1}:", f":{n} - {i}", f"{i}::-1", f":{i} + 1"]
            found = [text for text in found if len(eval(f"range({n})[{text}]", {}, self.env)) != 1]  # see docs/differences.md
            if found:
                self.tags.add("slice of run-time length")
                options = found
        return self.pick(options)

    def integers(self, n: int) -> str:
        """Many positions among n, with repeats."""
        if n == 0:
            return ":"
        self.tags.add("fancy index")
        m = self.rng.randint(1, 4)
        items = [self.rng.randrange(-n, n) for _ in range(m)]
        if self.chance(0.5):
            items[-1] = items[0]
        found = [e for e in self.variables("i", 1) if e.value.size and np.all((e.value >= -n) & (e.value < n))]
        if found and self.chance(0.5):
            return self.pick(found).text
        options = [f"{items}", f"np.array({items})"]
        several = [e for e in self.variables("i") if e.value.size and e.value.ndim]
        if several and self.chance(0.5):
            x = self.pick(several).text
            options = [f"{x} % {n}", f"abs({x}) % {n}"]
        rows = [e for e in self.variables("f", 1) if e.value.size]
        kind = self.rng.randrange(8)
        if kind == 0 and rows:
            return f"np.argsort({self.pick(rows).text}) % {n}"
        if kind == 1:
            return f"np.array([{items[:2] * 1}, {[items[0], items[-1]]}])" if m > 1 else f"np.array([[{items[0]}]])"
        if kind == 2:
            return f"np.arange({m}) % {n}"
        if kind == 3:
            flags = [bool(self.rng.randrange(2)) for _ in range(n)]
            odd = self.rng.randrange(2)
            found3 = [f"np.array({flags})", f"{flags}"] * (sum(flags) != 1) + [f"np.arange({n}) % 2 == {odd}"] * (
                (n + 1 - odd) // 2 != 1
            )
            if found3:
                self.tags.add("mask")
                return self.pick(found3)
        return self.pick(options)

    def mask_of(self, x: np.ndarray[Any, Any]) -> str:
        """A mask of all of x, or of its first axis, that data decides; or ""."""
        options = [e.text for e in self.variables("b") if e.value.ndim and e.shape == x.shape[: e.value.ndim]]
        same = [e for e in self.variables("fi") if e.value.ndim and e.shape == x.shape[: e.value.ndim]]
        for e in same[:4]:
            c = self.number(-1, 1)
            options += [f"{e.text} > {c!r}", f"({e.text} < {c!r}) | ({e.text} > {c + 1:.2f})", f"~({e.text} > {c!r})"]
        several = [t for t in options if np.sum(eval(t, self.env)) != 1]  # a size of 1 found at run time is not repeated
        return self.pick(several) if several else ""
