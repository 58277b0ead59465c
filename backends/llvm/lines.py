"""A function of a call stub, written line by line."""

from __future__ import annotations

from irad.types import Dim

__all__ = ["Lines"]

LIKELY = '!prof !{!"branch_weights", i32 2000, i32 1}'


class Lines:
    """The lines of one function; the label `miss` is where a value goes that does not fit."""

    def __init__(self, head: str) -> None:
        self.lines = [f"define {head} nounwind optnone noinline {{", "entry:"]
        self.label, self.miss = "entry", "miss"
        self.count = 0
        self.held: list[str] = []  # objects whose memory is read: they must live through the call
        self.sizes: list[tuple[Dim, str]] = []  # sizes known at run time only, as they were read

    def emit(self, text: str) -> str:
        """An instruction with a result."""
        self.count += 1
        self.lines.append(f"  %v{self.count} = {text}")
        return f"%v{self.count}"

    def do(self, text: str) -> None:
        """An instruction without a result, or with a name of its own."""
        self.lines.append("  " + text)

    def new_label(self, name: str) -> str:
        self.count += 1
        return f"{name}{self.count}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def branch(self, test: str, then: str, otherwise: str | None = None) -> None:
        """Go to `then`, which is likely, or to `otherwise`."""
        self.do(f"br i1 {test}, label %{then}, label %{otherwise or self.miss}, {LIKELY}")

    def need(self, test: str, otherwise: str | None = None) -> None:
        """Go on where the test holds, else to a label."""
        go_on = self.new_label("ok")
        self.branch(test, go_on, otherwise)
        self.start(go_on)

    def need_equal(self, a: str, b: str, otherwise: str | None = None, *, type: str = "ptr") -> None:
        self.need(self.emit(f"icmp eq {type} {a}, {b}"), otherwise)

    def need_not(self, test: str, otherwise: str | None = None) -> None:
        self.need(self.emit(f"xor i1 {test}, true"), otherwise)

    def at(self, base: str, offset: int) -> str:
        return self.emit(f"getelementptr i8, ptr {base}, i64 {offset}") if offset else base

    def load(self, t: str, base: str, offset: int) -> str:
        return self.emit(f"load {t}, ptr {self.at(base, offset)}")

    def text(self) -> str:
        return "\n".join([*self.lines, "}"])
