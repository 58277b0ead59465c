"""Elements of arrays in a loop nest: one at a time, or a vector of those that the lanes are at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from irad.backends.llvm import arrays
from irad.backends.llvm.layout import HEADER, SIZE
from irad.backends.llvm.levels import Levels, Value, known

__all__ = ["LINE", "Buffer", "Index", "Memory", "memory_type"]

LINE = 64  # bytes: a vector across two lines costs twice
ON_STACK = 4096  # bytes of a buffer that is not made on the heap
Index = tuple[Value, int]  # along an axis, of the first lane; and how much it grows from lane to lane


class Buffer(NamedTuple):
    """Memory of an array: its axes in the order in which they are laid out, and their sizes. `lanes`: of each item,
    a vector. `block`: what owns it. `first`, `steps`: of a block of an array, where it begins, and how far its elements are
    apart along each axis."""

    data: str
    axes: tuple[int, ...]
    dims: tuple[str, ...]
    lanes: int = 0
    block: str | None = None
    first: tuple[Value, ...] = ()
    steps: tuple[int, ...] = ()


def memory_type(t: str) -> str:
    return "i8" if t == "i1" else t


def _filler(t: str) -> str:
    """What stands in lanes that are off."""
    return "zeroinitializer" if t.startswith("i") else f"splat ({t} 1.0)"


def short(t: str) -> str:
    """The name of a type in an intrinsic's name."""
    return {"double": "f64", "float": "f32"}.get(t, t)


class Memory(Levels):
    mask: Value | None = None  # the lanes that are on

    def __init__(self, e: Any, lanes: int = 0) -> None:
        super().__init__(e, lanes)
        self.temporary: list[str] = []  # blocks of buffers on the heap

    def memory_of(self, t: str, axes: tuple[int, ...], dims: tuple[str, ...], *, lanes: int) -> Buffer:
        """Memory of its own for an array, or a vector for each of its elements."""
        return Buffer(self.room(arrays.product(self.e, dims), SIZE[t] * (lanes or 1)), axes, dims, lanes)

    def room(self, count: str, item: int) -> str:
        """Memory for so many items of so many bytes, which begins with a line of the cache."""
        e = self.e
        if count.isdigit() and int(count) * item <= ON_STACK:
            return e.in_frame("buffer", f"[{int(count) * item} x i8]", LINE)  # type: ignore[no-any-return]
        size = str(int(count) * item + LINE) if count.isdigit() else e.emit(f"mul nsw i64 {count}, {item}")
        block = e.allocate(size if count.isdigit() else e.emit(f"add nsw i64 {size}, {LINE}"), "null")
        self.temporary.append(block)
        place = e.emit(f"ptrtoint ptr {e.address(block, HEADER + LINE - 1)} to i64")
        return e.emit(f"inttoptr i64 {e.emit(f'and i64 {place}, {-LINE}')} to ptr")  # type: ignore[no-any-return]

    def free_temporary(self) -> None:
        for block in self.temporary:
            self.e.used.add("irad.release")
            self.e.do(f"call void @irad.release(ptr %ctx, ptr {block})")

    def inside(self, b: Buffer, indices: Sequence[Index]) -> list[tuple[Value, int, str]]:
        """(index, lane step, stride) of an item of a buffer."""
        out: list[tuple[Value, int, str]] = []
        stride = Value(str(b.lanes or 1))
        for q, d in zip(reversed(b.axes), reversed(b.dims), strict=True):
            i, lane = indices[q]
            if b.steps:
                i, lane = self.add(b.first[q], self.mul(Value(str(b.steps[q])), i)), lane * b.steps[q]
            out.append((i, lane, stride.text))
            stride = self.mul(stride, Value(d))
        return out

    def get(self, t: str, b: Buffer, indices: Sequence[Index], *, fixed: bool = False) -> Value:
        """An item of a buffer, or one a lane."""
        p, step = self.pointer(memory_type(t), b.data, self.inside(b, indices))
        if not b.lanes:
            return self.load(t, p, step, fixed=fixed)
        mask, lanes = self.mask, self.lanes
        self.mask, self.lanes = None, b.lanes
        v = self.load(t, p, Value("1"), fixed=fixed)
        self.mask, self.lanes = mask, lanes
        return v

    def put(self, t: str, b: Buffer, indices: Sequence[Index], v: Value) -> None:
        p, step = self.pointer(memory_type(t), b.data, self.inside(b, indices))
        if b.lanes:
            mask, lanes = self.mask, self.lanes
            self.mask, self.lanes = None, b.lanes
            self.store(t, v, p, Value("1"))
            self.mask, self.lanes = mask, lanes
        else:
            self.store(t, v, p, step)

    def pointer(self, t: str, data: str, terms: Sequence[tuple[Value, int, str]]) -> tuple[Value, Value]:
        """The address of the sum of index * stride over (index, lane step, stride), and its step from lane to lane: indices
        of outer loops first."""
        by_level: dict[int, Value] = {}
        constant, step = 0, Value("0")
        for i, lane, stride in terms:
            part = self.mul(i, Value(stride))
            step = self.add(step, self.mul(Value(str(lane)), Value(stride)))
            if known(part.text):
                constant += int(part.text)
            else:
                before = by_level.get(part.level)
                by_level[part.level] = part if before is None else self.add(before, part)
        p = Value(data)
        for level in sorted(by_level):
            p = self.pure(f"getelementptr {t}, ptr {p.text}, i64 {by_level[level].text}", level)
        if constant:
            p = self.pure(f"getelementptr {t}, ptr {p.text}, i64 {constant}", p.level)
        return p, step

    def load(self, t: str, p: Value, step: Value, *, fixed: bool) -> Value:
        """What is at an address: an item, or one a lane. `fixed`: nothing writes there."""
        e, n = self.e, self.lanes
        memory = memory_type(t)
        level = p.level if fixed else self.depth
        if step.text == "0":
            v = self.once(f"load {memory}, ptr {p.text}", level, fixed=fixed)
            return self.once(f"trunc i8 {v.text} to i1", level, fixed=fixed) if t == "i1" else v
        vector = f"<{n} x {memory}>"
        size = SIZE[t]
        if self.mask is not None:
            level = max(level, self.mask.level)
        if step.text in ("1", "-1"):
            back = step.text == "-1"
            if back:
                p = self.pure(f"getelementptr {memory}, ptr {p.text}, i64 {1 - n}", p.level)
            if self.mask is None:
                v = self.once(f"load {vector}, ptr {p.text}, align {size}", level, lane=True, fixed=fixed)
            else:
                mask = self.reversed(self.mask, "i1") if back else self.mask.text
                name = f"llvm.masked.load.v{n}{short(memory)}.p0"
                e.declare(f"declare {vector} @{name}(ptr, i32, <{n} x i1>, {vector})")
                text = f"call {vector} @{name}(ptr {p.text}, i32 {size}, <{n} x i1> {mask}, {vector} {_filler(t)})"
                v = self.once(text, level, lane=True, fixed=fixed)
            if back:
                v = Value(self.reversed(v, memory), level, True)
        else:
            return self.load_scattered(t, self.scattered(memory, p, step), level, fixed=fixed)
        if t == "i1":
            v = self.once(f"trunc <{n} x i8> {v.text} to <{n} x i1>", level, lane=True, fixed=fixed)
        return v

    def load_scattered(self, t: str, where: Value, level: int, *, fixed: bool) -> Value:
        """What is at an address a lane."""
        n, memory = self.lanes, memory_type(t)
        vector, name = f"<{n} x {memory}>", f"llvm.masked.gather.v{n}{short(memory)}.v{n}p0"
        self.e.declare(f"declare {vector} @{name}(<{n} x ptr>, i32, <{n} x i1>, {vector})")
        mask = "splat (i1 true)" if self.mask is None else self.mask.text
        text = f"call {vector} @{name}(<{n} x ptr> {where.text}, i32 {SIZE[t]}, <{n} x i1> {mask}, {vector} {_filler(t)})"
        v = self.once(text, level, lane=True, fixed=fixed)
        return self.once(f"trunc <{n} x i8> {v.text} to <{n} x i1>", level, lane=True, fixed=fixed) if t == "i1" else v

    def once(self, text: str, level: int, *, fixed: bool, lane: bool = False) -> Value:
        return self.pure(text, level, lane=lane) if fixed else Value(self.e.emit(text), self.depth, lane)

    def reversed(self, v: Value, t: str) -> str:
        n = self.lanes
        order = ", ".join(f"i32 {n - 1 - i}" for i in range(n))
        text = f"shufflevector <{n} x {t}> {v.text}, <{n} x {t}> poison, <{n} x i32> <{order}>"
        return self.pure(text, v.level, lane=True).text

    def scattered(self, memory: str, p: Value, step: Value) -> Value:
        """The addresses of all lanes."""
        n = self.lanes
        lanes = ", ".join(f"i64 {i}" for i in range(n))
        if known(step.text):
            offsets = "<" + ", ".join(f"i64 {i * int(step.text)}" for i in range(n)) + ">"
        else:
            offsets = self.pure(f"mul <{n} x i64> {self.splat(step, 'i64')}, <{lanes}>", step.level, lane=True).text
        return self.pure(f"getelementptr {memory}, ptr {p.text}, <{n} x i64> {offsets}", max(p.level, step.level), lane=True)

    def store(self, t: str, v: Value, p: Value, step: Value) -> None:
        e, n = self.e, self.lanes
        memory = memory_type(t)
        if step.text == "0" and not v.lane:
            e.put(t, v.text, p.text, 0)
            return
        text = self.splat(v, t)
        vector, size = f"<{n} x {memory}>", SIZE[t]
        if t == "i1":
            text = e.emit(f"zext <{n} x i1> {text} to {vector}")
        if step.text == "1" and self.mask is None:
            e.do(f"store {vector} {text}, ptr {p.text}, align {size}")
        elif step.text == "1":
            assert self.mask is not None
            name = f"llvm.masked.store.v{n}{short(memory)}.p0"
            e.declare(f"declare void @{name}({vector}, ptr, i32, <{n} x i1>)")
            e.do(f"call void @{name}({vector} {text}, ptr {p.text}, i32 {size}, <{n} x i1> {self.mask.text})")
        else:
            name = f"llvm.masked.scatter.v{n}{short(memory)}.v{n}p0"
            e.declare(f"declare void @{name}({vector}, <{n} x ptr>, i32, <{n} x i1>)")
            where = self.scattered(memory, p, step)
            mask = "splat (i1 true)" if self.mask is None else self.mask.text
            e.do(f"call void @{name}({vector} {text}, <{n} x ptr> {where.text}, i32 {size}, <{n} x i1> {mask})")
