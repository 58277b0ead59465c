"""Products of matrices whose sizes and strides are known, as vector code: blocks of the result stay in registers.

    out[i, j] = sum over p of x[i, p] * y[p, j]          out in C order, x and y by strides

`by_columns` keeps rows of the result in vectors, and reads y along its columns, which must lie side by side; where they do
not, panels of y are copied first, transposed by shuffles. `by_terms` sums along vectors, for few rows of the result, and adds
up the lanes of several sums at once. Where a size is no multiple of a vector, the last vector overlaps the one before it:
what stands twice is computed twice, alike. (Goto, van de Geijn, "Anatomy of high-performance matrix multiplication", 2008.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Gemm", "Writer", "emit", "loop", "operations", "scratch"]

UNROLLED = 64  # multiplications of vectors that stand one after the other without a loop
ON_STACK = 1 << 15  # bytes of a panel
OFTEN, FAR = 32, 1 << 15  # rows of x, and bytes between the ends of y, from which panels of y in order are copied as well


@dataclass(frozen=True, slots=True)
class Gemm:
    """The sizes m, n, k of a product, the strides of x and y in elements, the type of an element and the registers."""

    m: int
    n: int
    k: int
    x: tuple[int, int]  # by i, by p
    y: tuple[int, int]  # by p, by j
    type: str
    bytes: int  # of an element
    vector: int  # bytes of a register
    registers: int

    @property
    def is_float(self) -> bool:
        return self.type in ("double", "float")


class Writer:
    """Instructions of a function of its own: the part of an emitter that products need."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counter = self.labels = 0
        self.label = "entry"
        self.declarations: set[str] = set()

    def emit(self, text: str) -> str:
        self.counter += 1
        self.lines.append(f"  %v{self.counter} = {text}")
        return f"%v{self.counter}"

    def do(self, text: str) -> None:
        self.lines.append("  " + text)

    def declare(self, text: str) -> None:
        self.declarations.add(text)

    def new_label(self, name: str) -> str:
        self.labels += 1
        return f"{name}.{self.labels}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch(self, test: str, then: str, orelse: str) -> None:
        self.do(f"br i1 {test}, label %{then}, label %{orelse}")


State = list[tuple[str, str]]  # type and value


def loop(e: Any, count: int | str, state: State, body: Callable[[str, list[str]], list[str]]) -> list[str]:
    """The state after `count` trips of body(trip, state); one trip, or a few without a loop, where the count is known."""
    if isinstance(count, int) and count < 2:
        values = [v for _, v in state]
        return body("0", values) if count else values
    before, head, done = e.label, e.new_label("for"), e.new_label("end")
    guard = None
    if isinstance(count, str):
        guard = before
        e.branch(e.emit(f"icmp sgt i64 {count}, 0"), head, done)
    else:
        e.jump(head)
    e.start(head)
    first = len(e.lines)
    names = []
    for _ in range(len(state) + 1):
        e.counter += 1
        names.append(f"%v{e.counter}")
        e.lines.append("")
    values = body(names[0], names[1:])
    after = e.emit(f"add nuw nsw i64 {names[0]}, 1")
    last = e.label
    phis = zip(names, [("i64", "0"), *state], [after, *values], strict=True)
    for i, (name, (t, init), back) in enumerate(phis):
        e.lines[first + i] = f"  {name} = phi {t} [ {init}, %{before} ], [ {back}, %{last} ]"
    e.branch(e.emit(f"icmp slt i64 {after}, {count}"), head, done)
    e.start(done)
    if guard is not None:
        values = [e.emit(f"phi {t} [ {init}, %{guard} ], [ {v}, %{last} ]") for (t, init), v in zip(state, values, strict=True)]
    return values


def offset(e: Any, g: Gemm, p: str, elements: int) -> str:
    return p if elements == 0 else e.emit(f"getelementptr i8, ptr {p}, i64 {elements * g.bytes}")


def moved(e: Any, g: Gemm, p: str, index: str, stride: int) -> str:
    """p, moved by index times stride elements."""
    if index == "0" or stride == 0:
        return p
    by = e.emit(f"mul nsw i64 {index}, {stride * g.bytes}")
    return e.emit(f"getelementptr i8, ptr {p}, i64 {by}")  # type: ignore[no-any-return]


def vector(g: Gemm, lanes: int) -> str:
    return f"<{lanes} x {g.type}>" if lanes > 1 else g.type


def load(e: Any, g: Gemm, p: str, lanes: int) -> str:
    return e.emit(f"load {vector(g, lanes)}, ptr {p}, align {g.bytes}")  # type: ignore[no-any-return]


def store(e: Any, g: Gemm, v: str, p: str, lanes: int) -> None:
    e.do(f"store {vector(g, lanes)} {v}, ptr {p}, align {g.bytes}")


def zero(g: Gemm, lanes: int) -> str:
    return "zeroinitializer" if lanes > 1 else "0.0" if g.is_float else "0"


def splat(e: Any, g: Gemm, x: str, lanes: int) -> str:
    if lanes == 1:
        return x
    t = vector(g, lanes)
    one = e.emit(f"insertelement {t} poison, {g.type} {x}, i64 0")
    return e.emit(f"shufflevector {t} {one}, {t} poison, <{lanes} x i32> zeroinitializer")  # type: ignore[no-any-return]


def plus(e: Any, g: Gemm, a: str, b: str, lanes: int) -> str:
    return e.emit(f"{'fadd contract' if g.is_float else 'add'} {vector(g, lanes)} {a}, {b}")  # type: ignore[no-any-return]


def fma(e: Any, g: Gemm, total: str, a: str, b: str, lanes: int) -> str:
    """total + a * b."""
    times = e.emit(f"{'fmul contract' if g.is_float else 'mul'} {vector(g, lanes)} {a}, {b}")
    return times if total == zero(g, lanes) else plus(e, g, total, times, lanes)


def shuffle(e: Any, g: Gemm, a: str, b: str, lanes: int, pick: Sequence[int]) -> str:
    t, mask = vector(g, lanes), ", ".join(f"i32 {i}" for i in pick)
    return e.emit(f"shufflevector {t} {a}, {t} {b}, <{len(pick)} x i32> <{mask}>")  # type: ignore[no-any-return]


def power(n: int) -> int:
    """The greatest power of two up to n."""
    return 1 << (n.bit_length() - 1)


def starts(e: Any, i: str, step: int, size: int) -> str:
    """Where block i of `step` begins: the last one ends with the axis."""
    if i == "0":
        return "0"
    at = e.emit(f"mul nuw nsw i64 {i}, {step}")
    if size % step == 0:
        return at  # type: ignore[no-any-return]
    last = e.emit(f"icmp slt i64 {at}, {size - step}")
    return e.emit(f"select i1 {last}, i64 {at}, i64 {size - step}")  # type: ignore[no-any-return]


# -- a shape for each product -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """How a product is cut: vectors of `lanes`, `wide` of them side by side, `rows` of the result at once."""

    lanes: int
    wide: int
    rows: int

    def places(self, n: int) -> list[int]:
        """Where the vectors of a panel begin."""
        width = min(self.lanes * self.wide, n)
        return [min(i * self.lanes, width - self.lanes) for i in range(self.wide)]


def shape(g: Gemm) -> Shape:
    lanes = min(g.vector // g.bytes, power(g.n))
    count = -(-g.n // lanes)
    room = g.registers - 4
    wide = min(count, 8 if g.m == 1 else 4 if g.m < 4 else 3 if count == 3 else 2)
    most = max(1, min(g.m, (room - wide) // wide, 8 if wide > 1 else 12))
    rows = min(range(most, most // 2, -1), key=lambda r: -(-g.m // r) * (r + 1))
    return Shape(lanes, wide, rows)


def packs(g: Gemm) -> bool:
    """Whether panels of y are copied before they are used: where neighbours on a row do not lie side by side, and where rows
    are far apart and read often (apart by powers of two, few of them fit in the caches)."""
    return g.n > 1 and (g.y[1] != 1 or (g.m >= OFTEN and g.y[0] * g.k * g.bytes > FAR))


def sums_along(g: Gemm) -> bool:
    """Whether vectors go along the terms of the sums."""
    return g.y[0] == 1 and g.x[1] == 1 and g.y[1] != 1 and (g.m < 4 or g.n == 1) and g.k > 1


def operations(g: Gemm) -> int:
    """How many multiplications of vectors stand in the text where no loop is left."""
    if sums_along(g):
        return g.m * g.n * -(-g.k * g.bytes // g.vector)
    s = shape(g)
    return g.m * g.k * -(-g.n // s.lanes) + (g.k * g.n if packs(g) else 0)


def scratch(g: Gemm) -> int:
    """The bytes that `emit` needs for a panel of y."""
    if sums_along(g) or not packs(g):
        return 0
    s = shape(g)
    return g.k * min(s.lanes * s.wide, g.n) * g.bytes


def emit(e: Any, g: Gemm, out: str, x: str, y: str, panel: str) -> None:
    """The product, in the function that `e` writes; `panel` points to `scratch` bytes."""
    (by_terms if sums_along(g) else by_columns)(e, g, out, x, y, panel)


# -- vectors along rows of the result -----------------------------------------------------------------------------------------


def by_columns(e: Any, g: Gemm, out: str, x: str, y: str, panel: str) -> None:
    s = shape(g)
    width = min(s.lanes * s.wide, g.n)
    places = s.places(g.n)
    copies = packs(g)

    def of_panel(j: str, _: list[str]) -> list[str]:
        column = starts(e, j, width, g.n)
        source = moved(e, g, y, column, g.y[1])
        if copies:
            pack(e, g, source, panel, width, places)
            source = panel
        target = moved(e, g, out, column, 1)

        def of_block(i: str, _: list[str]) -> list[str]:
            row = starts(e, i, s.rows, g.m)
            block(
                e, g, s, places, moved(e, g, target, row, g.n), moved(e, g, x, row, g.x[0]), source, width if copies else g.y[0]
            )
            return []

        loop(e, -(-g.m // s.rows), [], of_block)
        return []

    loop(e, -(-g.n // width), [], of_panel)


def block(e: Any, g: Gemm, s: Shape, places: list[int], out: str, x: str, y: str, stride: int) -> None:
    """Some rows of a panel of the result; `stride` is that of y by p."""
    count = s.rows * s.wide
    all_at_once = count * g.k <= UNROLLED
    chains = max(1, min(g.k, 8 // count))  # sums that go on side by side, where there are few
    step = g.k if all_at_once else max(chains, 4 if count <= 8 else 2)
    t = vector(g, s.lanes)

    def terms(sums: list[str], x: str, y: str, n: int) -> list[str]:
        """The sums with n more terms."""
        sums = list(sums)
        for p in range(n):
            columns = [load(e, g, offset(e, g, y, p * stride + at), s.lanes) for at in places]
            for r in range(s.rows):
                a = splat(e, g, load(e, g, offset(e, g, x, r * g.x[0] + p * g.x[1]), 1), s.lanes)
                for c, b in enumerate(columns):
                    k = (p % chains) * count + r * s.wide + c
                    sums[k] = fma(e, g, sums[k], a, b, s.lanes)
        return sums

    def trip(_: str, state: list[str]) -> list[str]:
        *sums, px, py = state
        return [*terms(sums, px, py, step), offset(e, g, px, step * g.x[1]), offset(e, g, py, step * stride)]

    trips, rest = divmod(g.k, step)
    *sums, x, y = loop(e, trips, [*[(t, zero(g, s.lanes))] * (count * chains), ("ptr", x), ("ptr", y)], trip)
    sums = terms(sums, x, y, rest)
    for r in range(s.rows):
        for c, at in enumerate(places):
            total, *more = sums[r * s.wide + c :: count]
            for v in more:
                total = plus(e, g, total, v, s.lanes)
            store(e, g, total, offset(e, g, out, r * g.n + at), s.lanes)


def pack(e: Any, g: Gemm, y: str, panel: str, width: int, places: list[int]) -> None:
    """Copy `width` columns of y, so that they lie side by side."""
    if g.y[0] != 1:

        def row(p: str, _: list[str]) -> list[str]:
            if g.y[1] == 1:
                lanes = shape(g).lanes
                for at in places:
                    v = load(e, g, offset(e, g, moved(e, g, y, p, g.y[0]), at), lanes)
                    store(e, g, v, offset(e, g, moved(e, g, panel, p, width), at), lanes)
                return []

            def element(j: str, _: list[str]) -> list[str]:
                v = load(e, g, moved(e, g, moved(e, g, y, p, g.y[0]), j, g.y[1]), 1)
                store(e, g, v, moved(e, g, moved(e, g, panel, p, width), j, 1), 1)
                return []

            return loop(e, width, [], element)

        loop(e, g.k, [], row)
        return
    tile = min(g.vector // g.bytes, power(g.k), power(width))

    def of_terms(i: str, _: list[str]) -> list[str]:
        p = starts(e, i, tile, g.k)

        def of_columns(k: str, _: list[str]) -> list[str]:
            j = starts(e, k, tile, width)
            source = moved(e, g, moved(e, g, y, p, 1), j, g.y[1])
            target = moved(e, g, moved(e, g, panel, p, width), j, 1)
            found = [load(e, g, offset(e, g, source, r * g.y[1]), tile) for r in range(tile)]
            for r, v in enumerate(transposed(e, g, found)):
                store(e, g, v, offset(e, g, target, r * width), tile)
            return []

        return loop(e, -(-width // tile), [], of_columns)

    loop(e, -(-g.k // tile), [], of_terms)


def transposed(e: Any, g: Gemm, rows: list[str]) -> list[str]:
    """The columns of a square of vectors, by exchanging blocks of 1, 2, 4, ... lanes."""
    n, rows, step = len(rows), list(rows), 1
    while step < n:
        low = [i if i & step == 0 else i - step + n for i in range(n)]
        high = [i + step if i & step == 0 else i + n for i in range(n)]
        for i in range(n):
            if i & step == 0:
                a, b = rows[i], rows[i + step]
                rows[i], rows[i + step] = shuffle(e, g, a, b, n, low), shuffle(e, g, a, b, n, high)
        step *= 2
    return rows


# -- vectors along the terms --------------------------------------------------------------------------------------------------


def by_terms(e: Any, g: Gemm, out: str, x: str, y: str, panel: str) -> None:
    lanes = g.vector // g.bytes
    together = lanes if g.n >= lanes else g.n

    def of_row(i: str, _: list[str]) -> list[str]:
        row, target = moved(e, g, x, i, g.x[0]), moved(e, g, out, i, g.n)

        def of_group(j: str, _: list[str]) -> list[str]:
            at = starts(e, j, together, g.n)
            sums = totals(e, g, row, moved(e, g, y, at, g.y[1]), together, lanes)
            place = moved(e, g, target, at, 1)
            if together == lanes:
                store(e, g, added(e, g, sums), place, lanes)
            else:
                for c, v in enumerate(sums):
                    store(e, g, total(e, g, v, lanes), offset(e, g, place, c), 1)
            return []

        return loop(e, -(-g.n // together), [], of_group)

    loop(e, g.m, [], of_row)


def totals(e: Any, g: Gemm, x: str, y: str, count: int, lanes: int) -> list[str]:
    """Vectors whose lanes add up to x @ y[:, c] for `count` columns c, which are strides of y apart."""
    chains = max(1, min(g.k // lanes, 8 // count))
    vectors, rest = divmod(g.k, lanes)
    step = vectors if count * vectors <= UNROLLED else max(chains, 4 if count <= 4 else 1)

    def terms(sums: list[str], x: str, y: str, n: int) -> list[str]:
        sums = list(sums)
        for p in range(n):
            a = load(e, g, offset(e, g, x, p * lanes), lanes)
            for c in range(count):
                k = (p % chains) * count + c
                sums[k] = fma(e, g, sums[k], a, load(e, g, offset(e, g, y, c * g.y[1] + p * lanes), lanes), lanes)
        return sums

    def trip(_: str, state: list[str]) -> list[str]:
        *sums, px, py = state
        return [*terms(sums, px, py, step), offset(e, g, px, step * lanes), offset(e, g, py, step * lanes)]

    trips, more = divmod(vectors, step) if step else (0, 0)
    state = [*[(vector(g, lanes), zero(g, lanes))] * (count * chains), ("ptr", x), ("ptr", y)]
    *sums, x, y = loop(e, trips, state, trip)
    sums = terms(sums, x, y, more)
    if rest:
        x, y = offset(e, g, x, more * lanes), offset(e, g, y, more * lanes)
        a = part(e, g, x, rest, lanes)
        for c in range(count):
            sums[c] = fma(e, g, sums[c], a, part(e, g, offset(e, g, y, c * g.y[1]), rest, lanes), lanes)
    out = sums[:count]
    for k in range(count, len(sums)):
        out[k % count] = plus(e, g, out[k % count], sums[k], lanes)
    return out


def part(e: Any, g: Gemm, p: str, count: int, lanes: int) -> str:
    """A vector whose first lanes are loaded, the others zero."""
    t = vector(g, lanes)
    mask = ", ".join(f"i1 {'true' if i < count else 'false'}" for i in range(lanes))
    suffix = f"v{lanes}{'f' if g.is_float else 'i'}{8 * g.bytes}.p0"
    e.declare(f"declare {t} @llvm.masked.load.{suffix}(ptr, i32, <{lanes} x i1>, {t})")
    return e.emit(  # type: ignore[no-any-return]
        f"call {t} @llvm.masked.load.{suffix}(ptr {p}, i32 {g.bytes}, <{lanes} x i1> <{mask}>, {t} zeroinitializer)"
    )


def added(e: Any, g: Gemm, rows: list[str]) -> str:
    """The sum of the lanes of each vector, as one vector: neighbours are added in pairs of vectors."""
    n, step = len(rows), 1
    while len(rows) > 1:
        low = [i if i & step == 0 else i - step + n for i in range(n)]
        high = [i + step if i & step == 0 else i + n for i in range(n)]
        pairs = zip(rows[::2], rows[1::2], strict=True)
        rows = [plus(e, g, shuffle(e, g, a, b, n, low), shuffle(e, g, a, b, n, high), n) for a, b in pairs]
        step *= 2
    return rows[0]


def dot(e: Any, element: tuple[str, int, int, int], k: str, x: str, y: str) -> str:
    """The sum of x[p] * y[p] for p below k, a size known at run time."""
    g = Gemm(1, 1, 1, (0, 1), (1, 0), *element)
    lanes, chains = g.vector // g.bytes, 4
    step = chains * lanes

    def trip(_: str, state: list[str]) -> list[str]:
        *sums, px, py = state
        for c in range(chains):
            a, b = (load(e, g, offset(e, g, p, c * lanes), lanes) for p in (px, py))
            sums[c] = fma(e, g, sums[c], a, b, lanes)
        return [*sums, offset(e, g, px, step), offset(e, g, py, step)]

    def single(_: str, state: list[str]) -> list[str]:
        value, px, py = state
        return [fma(e, g, value, load(e, g, px, 1), load(e, g, py, 1), 1), offset(e, g, px, 1), offset(e, g, py, 1)]

    state = [*[(vector(g, lanes), zero(g, lanes))] * chains, ("ptr", x), ("ptr", y)]
    first, *sums, x, y = loop(e, e.emit(f"udiv i64 {k}, {step}"), state, trip)
    for v in sums:
        first = plus(e, g, first, v, lanes)
    rest: State = [(g.type, total(e, g, first, lanes)), ("ptr", x), ("ptr", y)]
    return loop(e, e.emit(f"urem i64 {k}, {step}"), rest, single)[0]


def total(e: Any, g: Gemm, v: str, lanes: int) -> str:
    """The sum of the lanes of one vector: halves are added."""
    while lanes > 1:
        half = lanes // 2
        low, high = (shuffle(e, g, v, v, lanes, range(a, a + half)) for a in (0, half))
        if half == 1:
            low, high = (e.emit(f"extractelement {vector(g, lanes)} {v}, i64 {i}") for i in (0, 1))
        v, lanes = plus(e, g, low, high, half), half
    return v
