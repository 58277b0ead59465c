"""Reductions in a loop nest: summed up in registers where all that they keep is outside the loops that they sum over, or
unrolled; else in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from irad.backends.llvm import arrays
from irad.backends.llvm.layout import SCALAR
from irad.backends.llvm.levels import Value
from irad.backends.llvm.memory import Buffer, Index, Memory

from irad.graph.nodes import Node
from irad.nests.statements import Statement
from irad.nests.tree import Loop
from irad.types import Array, Scalar

__all__ = ["Key", "Sums", "scalar_of"]

Key = tuple[Any, ...]  # a statement, and the index of its value along each axis


def scalar_of(node: Node) -> Scalar:
    t = node.type
    return t.dtype if isinstance(t, Array) else t  # type: ignore[return-value]


class Sums(Memory):
    """What a kernel knows of its reductions."""

    path: dict[Statement, list[Loop]]
    order: list[Statement]
    unrolled: set[Loop]
    width: int  # the lanes of one vector; values may have several
    extent: dict[Loop, str]
    dims: dict[Statement, list[str]]
    index: dict[int, Value]
    sums: dict[Key, Value]
    places: dict[Statement, Buffer]
    partial: dict[Statement, Buffer]

    def lane_loop(self, s: Statement) -> Loop | None:
        raise NotImplementedError

    def finish(self, s: Statement, indices: Sequence[Index], v: Value) -> None:
        raise NotImplementedError

    def own_indices(self, s: Statement) -> list[Index]:
        raise NotImplementedError

    def ll(self, s: Statement) -> str:
        raise NotImplementedError

    def key(self, s: Statement, indices: Sequence[str]) -> Key:
        return (s, *indices)

    def plain_loop(self, bound: str, body: Callable[[Value], None]) -> None:
        raise NotImplementedError

    def outermost(self, s: Statement) -> int:
        """Where in its path the first loop is that a reduction sums over."""
        kept = {s.classes[i] for i in s.value}
        return next(k for k, loop in enumerate(self.path[s]) if loop.axis not in kept)

    def sums_in_memory(self, s: Statement) -> bool:
        """Whether a reduction keeps axes inside of those it sums over, that are not unrolled."""
        kept = {s.classes[i] for i in s.value}
        inside = self.path[s][self.outermost(s) :]
        return any(loop.axis in kept and loop not in self.unrolled for loop in inside)

    def identity(self, s: Statement) -> Value:
        return Value(arrays.identity(s.over, scalar_of(s.node.args[0])))

    def in_lanes(self, s: Statement) -> bool:
        """Whether a reduction is summed up in each lane by itself."""
        lane = self.lane_loop(s)
        return lane is not None and lane.axis in s.classes

    def sums_over_lanes(self, s: Statement) -> bool:
        lane = self.lane_loop(s)
        return lane is not None and lane.axis not in {s.classes[i] for i in s.value}

    def combined(self, s: Statement, x: Value, y: Value, *, lane: bool) -> Value:
        e, t = self.e, self.ll_in(s)
        xs = [self.splat(v, t) if lane else v.text for v in (x, y)]
        e.lanes, e.contracts = self.lanes if lane else 0, s.is_product
        out = arrays.combined(e, s.node, s.over, scalar_of(s.node.args[0]), *xs)
        e.lanes, e.contracts = 0, False
        return Value(out, self.depth, lane)

    def ll_in(self, s: Statement) -> str:
        return SCALAR[str(scalar_of(s.node.args[0]))]

    def accumulate(self, s: Statement, v: Value) -> None:
        lane = self.in_lanes(s)
        b = self.partial.get(s)
        if b is not None:
            indices = self.own_indices(s)
            if b.lanes and self.sums_over_lanes(s):
                self.accumulate_folded(s, b, indices, v)
                return
            before = self.get(self.ll(s), b, indices)
            after = self.combined(s, before, v, lane=lane)
            self.put(self.ll(s), b, indices, self.masked(s, after, before))
            return
        key = self.key(s, [i.text for i, _ in self.own_indices(s)])
        now = self.sums.get(key)
        if now is None:
            now = self.identity(s)
            after = Value(self.splat(v, self.ll_in(s)) if lane else v.text, self.depth, lane)
        else:
            after = self.combined(s, now, v, lane=lane)
        self.sums[key] = self.masked(s, after, now)

    def accumulate_folded(self, s: Statement, b: Buffer, indices: Sequence[Index], v: Value) -> None:
        """Put several vectors, of lanes that are summed over, into one before it is put into memory."""
        v = self.masked(s, Value(self.splat(v, self.ll_in(s)), self.depth, True), self.identity(s))
        v = Value(self.folded(s, v.text, self.lanes, b.lanes), self.depth, True)
        lanes, self.lanes = self.lanes, b.lanes
        self.put(self.ll(s), b, indices, self.combined(s, self.get(self.ll(s), b, indices), v, lane=True))
        self.lanes = lanes

    def masked(self, s: Statement, after: Value, before: Value) -> Value:
        """In lanes that are off a reduction over lanes stays as it was."""
        if self.mask is None or not self.sums_over_lanes(s):
            return after
        n, t = self.lanes, self.ll_in(s)
        xs = [self.splat(x, t) for x in (after, before)]
        text = f"select <{n} x i1> {self.mask.text}, <{n} x {t}> {xs[0]}, <{n} x {t}> {xs[1]}"
        return Value(self.e.emit(text), self.depth, True)

    def over_lanes(self, s: Statement, v: Value, lanes: int) -> Value:
        """One value of all lanes."""
        return Value(self.folded(s, v.text, lanes, 1), self.depth) if v.lane else v

    def folded(self, s: Statement, text: str, n: int, to: int) -> str:
        """A vector of n lanes in fewer."""
        e, t = self.e, self.ll_in(s)
        while n > to:
            half = n // 2
            parts = []
            for first in (0, half):
                order = ", ".join(f"i32 {first + i}" for i in range(half))
                parts.append(e.emit(f"shufflevector <{n} x {t}> {text}, <{n} x {t}> poison, <{half} x i32> <{order}>"))
            if half == 1:
                parts = [e.emit(f"extractelement <1 x {t}> {p}, i64 0") for p in parts]
            e.lanes = half if half > 1 else 0
            text = arrays.combined(e, s.node, s.over, scalar_of(s.node.args[0]), *parts)
            n = half
        e.lanes = 0
        return text

    def starting(self, loop: Loop) -> list[Statement]:
        """The reductions whose outermost loop this is."""
        return [s for s in self.order if s.reduces and loop in self.path[s] and self.path[s][self.outermost(s)] is loop]

    def begin_sums(self, loop: Loop) -> None:
        for s in self.starting(loop):
            b = self.partial.get(s)
            if b is not None:
                start = self.identity(s)
                self.e.node = s.node
                self.over(s, b, lambda indices, s=s, b=b, start=start: self.put(self.ll(s), b, indices, start))  # type: ignore[misc]

    def end_sums(self, loop: Loop) -> None:
        for s in self.starting(loop):
            self.e.node = s.node
            b = self.partial.get(s)
            if b is None:
                self.end_sum(s)
            elif b is not self.places.get(s):
                self.over(s, b, lambda indices, s=s, b=b: self.finish(s, indices, self.total(s, b, indices)))  # type: ignore[misc]

    def total(self, s: Statement, b: Buffer, indices: Sequence[Index]) -> Value:
        v = self.get(self.ll(s), b, indices)
        return self.over_lanes(s, v, b.lanes or self.lanes) if self.sums_over_lanes(s) else v

    def over(self, s: Statement, b: Buffer, body: Callable[[list[Index]], None]) -> None:
        """Loops over the axes that a reduction keeps inside of those it sums over."""
        inside = {loop.axis for loop in self.path[s][self.outermost(s) :]}
        axes = [q for q in b.axes if s.classes[s.value[q]] in inside]
        indices: list[Index | None] = [None] * len(s.value)
        for q, i in enumerate(s.value):
            if q not in axes:
                v = self.index[s.classes[i]]
                indices[q] = (Value(v.text, v.level), 1 if v.lane else 0)

        def nest(k: int) -> None:
            if k == len(axes):
                body(indices)  # type: ignore[arg-type]
                return
            d = self.dims[s][s.value[axes[k]]]

            def step(i: Value) -> None:
                indices[axes[k]] = (i, 0)
                nest(k + 1)

            self.plain_loop(d, step)

        nest(0)

    def end_sum(self, s: Statement) -> None:
        """The values of a reduction that was summed up in registers."""
        inside = self.path[s][self.outermost(s) :]
        for key in self.keys_of(s, inside):
            v = self.sums.pop(key, None)
            if v is None:
                v = self.identity(s)
            if self.sums_over_lanes(s):
                v = self.over_lanes(s, v, self.lanes)
            indices = []
            for i, text in zip(s.value, key[1:], strict=True):
                now = self.index.get(s.classes[i])
                if now is not None and now.text == text:
                    indices.append((Value(now.text, now.level), 1 if now.lane else 0))
                else:
                    indices.append((Value(text), 0))
            self.finish(s, indices, v)

    def keys_of(self, s: Statement, inside: Sequence[Loop]) -> list[Key]:
        """The keys of a reduction's sums: of axes kept in unrolled loops inside each number, of others the open index."""
        choices: list[Sequence[str]] = []
        within = {loop.axis: loop for loop in inside}
        for i in s.value:
            loop = within.get(s.classes[i])
            if loop is None or loop.axis in self.index:
                choices.append([self.index[s.classes[i]].text])
            else:
                choices.append([str(k) for k in range(int(self.extent[loop]))])
        return [self.key(s, c) for c in itertools.product(*choices)]

    def sum_type(self, s: Statement) -> str:
        t = self.ll_in(s)
        return f"<{self.lanes} x {t}>" if self.in_lanes(s) else t

    def live_sums(self, loop: Loop) -> tuple[list[Key], list[Value]]:
        """The sums in registers that go through a loop, and their values before it."""
        keys = [
            k
            for s in self.order
            if s.reduces and s not in self.partial and loop in self.path[s]
            for at in (self.path[s].index(loop),)
            if self.outermost(s) <= at
            for k in self.keys_of(s, self.path[s][at + 1 :] if loop.axis in self.index else self.path[s][at:])
        ]
        first = []
        for k in keys:
            v = self.sums.get(k)
            if v is None:
                start = self.identity(k[0])
                v = Value(self.splat(start, self.ll_in(k[0])), 0, True) if self.in_lanes(k[0]) else start
            self.sums[k] = v
            first.append(v)
        return keys, first
