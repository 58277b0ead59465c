"""How long loops and recursion look at the outside: Ctrl-C, and other threads that wait for the interpreter's lock.

The context of a call holds what is left of the budget (`work.BUDGET`). Where it is spent, `irad.poll` (see `signals`)
looks, and fills it up. A loop that counts nothing inside runs in strips of trips, whose end takes the place of the loop's
end in its test, so that a trip costs nothing; a while loop counts down in a register. What else has to count does so in
memory. The call of `irad.poll` preserves all registers: code around it is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irad.backends.llvm import runtime
from irad.backends.llvm.work import BUDGET

__all__ = ["charge", "left", "more_trips", "note", "poll", "shift_of", "trips_at_first"]


def shift_of(cost: int) -> int:
    """The cost of a trip as a power of two that is not smaller."""
    return max(cost - 1, 0).bit_length()


def left(e: Any) -> str:
    return e.load("i64", "%ctx", runtime.BUDGET)  # type: ignore[no-any-return]


def charge(e: Any, cost: int | str, more: Sequence[str] = ()) -> None:
    """Count operations in memory, and look where the budget is spent."""
    rest = e.emit(f"sub i64 {left(e)}, {cost}")
    for x in more:
        rest = e.emit(f"sub i64 {rest}, {x}")
    e.put("i64", rest, "%ctx", runtime.BUDGET)
    spent, go_on = e.new_label("spent"), e.new_label("within")
    e.branch(e.emit(f"icmp slt i64 {rest}, 0"), spent, go_on, unlikely=True)
    e.start(spent)
    poll(e)
    e.jump(go_on)
    e.start(go_on)


def poll(e: Any, done: str = "0") -> None:
    """Look at the outside; then what is left is the budget and what was done already. A failed call leaves the function."""
    e.used.add("irad.poll")
    e.do(f"call preserve_allcc void @irad.poll(ptr %ctx, i64 {done})")
    error = e.load("i64", "%ctx", runtime.ERROR)
    go_on = e.new_label("on")
    e.branch(e.emit(f"icmp ne i64 {error}, 0"), "failed", go_on, unlikely=True)
    e.start(go_on)


def trips_at_first(e: Any, trips: str, shift: int) -> str:
    """Where the first strip ends."""
    return least(e, e.emit(f"ashr i64 {left(e)}, {shift}"), trips)


def more_trips(e: Any, index: str, trips: str, shift: int) -> str:
    """Look at the outside; where the strip ends that begins at this index."""
    poll(e, e.emit(f"shl i64 {index}, {shift}"))
    return least(e, e.emit(f"add nuw nsw i64 {index}, {max(BUDGET >> shift, 1)}"), trips)


def note(e: Any, worked: str) -> None:
    """Count operations that were done, without a look."""
    e.put("i64", e.emit(f"sub i64 {left(e)}, {worked}"), "%ctx", runtime.BUDGET)


def least(e: Any, x: str, y: str) -> str:
    return e.emit(f"select i1 {e.emit(f'icmp slt i64 {x}, {y}')}, i64 {x}, i64 {y}")  # type: ignore[no-any-return]
