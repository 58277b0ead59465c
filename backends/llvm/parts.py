"""Ranges of trips that several threads may share: their code becomes a function of its own, which `irad.parallel` calls for
parts of the range.

The code is emitted as ever, with %first and %end for the ends of its part and %part for its number. What it uses of the
function around it is found in the text, stored in a frame by that function, and loaded where the new one begins.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from irad.backends.llvm.threads import MOST_THREADS

from irad.errors import InternalError

__all__ = ["Part", "Parts", "least_trips", "parts_of", "run_in_parts", "type_of_result"]

# What a part does at least, in operations of vectors: some 150 to 300 µs. A thread that helps costs 10 µs where a core is free,
# and some ms where other programs have them.
PART_COST = 1_500_000
FEW = 16  # parts that are so few that they had better be a power of two: threads are, mostly
NAME = re.compile(r"%[\w.]+")
DEFINED = re.compile(r"(?:  (%[\w.]+) = |([\w.]+):$)")
OWN = {"%ctx", "%first", "%end", "%part", "%entry"}


class Parts(NamedTuple):
    """How many parts a range has, how many there may be, and how many trips each of them (the last one: what is left)."""

    size: str
    number: str
    most: int

    @property
    def shown(self) -> str:
        return f"{self.number} parts" if self.number.isdigit() else "parts"


def least_trips(cost: float, more: int = 0) -> int:
    """How many trips that cost so much are worth a thread."""
    return math.ceil((PART_COST + more) / max(cost, 1e-3))


def parts_of(e: Any, trips: str, cost: float, align: int, *, more: int = 0, most: int = MOST_THREADS) -> Parts | None:
    """Parts of trips that cost so many operations each, a multiple of `align` but for the last; None where it is one. `more`:
    what a part must cost besides. Parts depend on nothing else, so that sums are the same for any number of threads."""
    if most < 2:
        return None
    least = -(-least_trips(cost, more) // align) * align
    if trips.isdigit():
        n = int(trips)
        count = min(n // least, most)
        if count < 2:
            return None
        if least > 1 and count < FEW:
            count = 1 << (count.bit_length() - 1)
        size = -(-n // (count * align)) * align
        count = n // size + (n % size >= align)
        return Parts(str(size), str(count), count) if count > 1 else None
    least = max(least, 2 * align)  # the last part may be half as long, and is a vector at least
    times = e.emit(f"add nuw nsw i64 {e.emit(f'sdiv i64 {trips}, {least * most}')}, 1")
    size = e.emit(f"mul nuw nsw i64 {times}, {least}")
    half = e.emit(f"lshr i64 {size}, 1")
    nearest = e.emit(f"sdiv i64 {e.emit(f'add nuw nsw i64 {trips}, {half}')}, {size}")
    some = e.emit(f"icmp sgt i64 {nearest}, 1")
    return Parts(size, e.emit(f"select i1 {some}, i64 {nearest}, i64 1"), most)


def run_in_parts(e: Any, trips: str, parts: Parts, write: Callable[[], object]) -> None:
    """Emit what `write` emits as a function of its own, and a call for all parts of a range."""
    part = Part(e)
    write()
    part.call(trips, parts)


class Part:
    """The code of a part, from here on until `call`: what is emitted in between goes to a function of its own."""

    def __init__(self, e: Any) -> None:
        self.e, self.outer = e, (e.lines, e.frame, e.frame_bytes, e.failures, e.places, e.label, e.in_part)
        e.lines, e.frame, e.frame_bytes, e.failures, e.places, e.label, e.in_part = [], [], 0, [], [], "entry", True

    def call(self, trips: str, parts: Parts) -> None:
        """The function ends here; it is called for all parts of a range."""
        e = self.e
        e.do("ret i1 false")
        spans = [*[None] * len(e.frame), *e.spans_of_lines()]
        own = [*(f"  {line}" for line in e.frame), *e.lines]
        for span, lines in e.failures:
            own += lines
            spans += [span] * len(lines)
        own += ["failed:", "  ret i1 true", "}"]
        e.lines, e.frame, e.frame_bytes, e.failures, e.places, e.label, e.in_part = self.outer
        captured = self.captured(own)
        types = [e.type_of(n) for n in captured]
        places, size = _laid_out(types)
        name = f"{e.m.names[e.graph]}.part.{len(e.outlined)}"
        head = [f"define internal i1 {name}(ptr %ctx, ptr %frame, i64 %first, i64 %end, i64 %part) #0 {{", "entry:"]
        for n, t, at in zip(captured, types, places, strict=True):
            head += [f"  {n}.at = getelementptr i8, ptr %frame, i64 {at}", f"  {n} = load {t}, ptr {n}.at"]
        text = [*head, *own]
        e.outlined.append((text, [*[None] * len(head), *spans, *[None] * (len(text) - len(head) - len(spans))]))
        frame = e.in_frame("captured", f"[{max(size, 8)} x i8]", 64)
        for n, t, at in zip(captured, types, places, strict=True):
            e.do(f"store {t} {n}, ptr {e.address(frame, at)}")
        e.used |= {"irad.parallel", "irad.poll"}
        taken = f"ptr %ctx, ptr {name}, ptr {frame}, i64 {trips}, i64 {parts.size}, i64 {parts.number}"
        failed, go_on = e.emit(f"call i1 @irad.parallel({taken})"), e.new_label("ok")
        e.branch(failed, "failed", go_on, unlikely=True)
        e.start(go_on)

    @staticmethod
    def captured(lines: Sequence[str]) -> list[str]:
        """The names that lines use and do not define."""
        used = {n for line in lines for n in NAME.findall(line)}
        defined = {m[1] or f"%{m[2]}" for line in lines if (m := DEFINED.match(line))}
        return sorted(used - defined - OWN)


def _laid_out(types: Sequence[str]) -> tuple[list[int], int]:
    """Where values of these types stand in a frame, and its size."""
    places, size = [], 0
    for t in types:
        room = 64 if t.startswith("<") else 8
        size = -(-size // room) * room
        places.append(size)
        size += room
    return places, size


FLAGS = frozenset("nuw nsw exact contract arcp reassoc nsz nnan ninf afn fast disjoint samesign nneg inbounds fastcc".split())
CASTS = frozenset("zext sext trunc fpext fptrunc sitofp uitofp fptosi fptoui ptrtoint inttoptr bitcast".split())
TYPE = re.compile(r"<\d+ x [\w]+>|\{[^}]*\}|[\w]+")


def type_of_result(instruction: str) -> str:
    """The type of what an instruction gives."""
    op, _, rest = instruction.partition(" ")
    while (word := rest.partition(" "))[0] in FLAGS:
        rest = word[2]
    first = TYPE.match(rest)
    if op in CASTS:
        return rest.rpartition(" to ")[2]
    if op == "getelementptr":
        lanes = re.search(r"<(\d+) x (?:ptr|i64)>", rest)
        return f"<{lanes[1]} x ptr>" if lanes else "ptr"
    if op in ("icmp", "fcmp"):
        compared = TYPE.match(rest, rest.index(" ") + 1)
        assert compared is not None
        lanes = re.match(r"<(\d+) x", compared[0])
        return f"<{lanes[1]} x i1>" if lanes else "i1"
    if op == "select":
        chosen = TYPE.match(rest, rest.index(", ") + 2)
        assert chosen is not None
        return chosen[0]
    if op == "shufflevector":
        mask, vector = re.findall(r"<(\d+) x (?:i32|\w+)>", rest)[-1], first
        assert vector is not None
        return f"<{mask} x {vector[0].split(' x ')[1]}"
    if op == "extractelement":
        assert first is not None
        return first[0].split(" x ")[1][:-1]
    if op == "extractvalue":
        assert first is not None
        return first[0].strip("{ }").split(", ")[int(rest.rpartition(", ")[2])]
    if op == "alloca":
        return "ptr"
    if first is None or first[0].startswith("{"):
        raise InternalError(f"the type of `{instruction}` is not known")
    return first[0]
