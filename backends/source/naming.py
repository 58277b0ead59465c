"""Names for the variables of a function: values that meet at a branch's end or a loop's head share one where they can, so
that what was `x` in the user's program is `x` again, and no copies are left.

Variables that are alive at once interfere; copies between those that do not are removed by giving both one name
(Chaitin, 1982), aggressively, the user's names first.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterable

from irad.backends.source.statements import Block, Check, Copy, For, Function, If, Line, Return, While, used

__all__ = ["names", "record_name"]

TAKEN = frozenset({*dir(builtins), *keyword.kwlist, "np", "math", "copy", "namedtuple"})


class _Live:
    """Which variables are alive together, by walking a function backwards."""

    def __init__(self, function: Function) -> None:
        n = len(function.variables)
        self.apart: list[set[int]] = [set() for _ in range(n)]
        self.copies: list[tuple[int, int]] = []
        self.order: dict[int, None] = dict.fromkeys(function.params)
        live = self.block(function.body, set())
        for p in function.params:
            self.define(p, live | set(function.params))
        self.first_seen(function.body)

    def define(self, v: int, live: Iterable[int], but: int | None = None) -> None:
        for w in live:
            if w not in (v, but):
                self.apart[v].add(w)
                self.apart[w].add(v)

    def block(self, block: Block, live: set[int]) -> set[int]:
        """What is alive before a block, after which `live` is."""
        for s in reversed(block):
            if isinstance(s, Line):
                for v in s.defs:
                    self.define(v, live | set(s.defs))
                live = (live - set(s.defs)) | used(s.tree) - set(s.defs) | (used(s.tree) & _read(s))
            elif isinstance(s, Copy):
                targets = {v for v, _ in s.pairs}
                for v, x in s.pairs:
                    source = x.number
                    self.define(v, live | targets, source)
                    if source is not None:
                        self.copies.append((v, source))
                live = (live - targets).union(*[used(x.tree) for _, x in s.pairs])
            elif isinstance(s, Return):
                live = used(s.value.tree)
            elif isinstance(s, Check):
                live = (live if s.test is not None else set()) | used(s.error) | (used(s.test.tree) if s.test else set())
            elif isinstance(s, If):
                live = self.block(s.then, set(live)) | self.block(s.orelse, set(live)) | used(s.test.tree)
            else:
                live = self.loop(s, live)
        return live

    def loop(self, s: For | While, after: set[int]) -> set[int]:
        again = used(s.again.tree) if isinstance(s, While) else set()
        head: set[int] = set(after) if isinstance(s, For) else set()
        while True:
            before = self.block(s.body, after | again | head)
            if isinstance(s, For):
                self.define(s.index, before | after)
                before = before - {s.index}
            if before <= head:
                break
            head |= before
        return head | (used(s.count.tree) if isinstance(s, For) else set())

    def first_seen(self, block: Block) -> None:
        """Number variables in the order in which they are bound."""
        for s in block:
            if isinstance(s, Line):
                self.order.update(dict.fromkeys(s.defs))
            elif isinstance(s, Copy):
                self.order.update(dict.fromkeys(v for v, _ in s.pairs))
            elif isinstance(s, If):
                self.first_seen(s.then)
                self.first_seen(s.orelse)
            elif isinstance(s, For):
                self.order[s.index] = None
                self.first_seen(s.body)
            elif isinstance(s, While):
                self.first_seen(s.body)


def _read(line: Line) -> set[int]:
    """What a statement reads, not only binds."""
    if isinstance(line.tree, ast.Assign) and line.defs:
        return used(line.tree.value)
    return used(line.tree)


def names(function: Function, taken: Iterable[str]) -> list[str]:
    """The name of each variable."""
    live = _Live(function)
    variables = function.variables
    above = list(range(len(variables)))
    members = [{v} for v in above]

    def find(v: int) -> int:
        while above[v] != v:
            v = above[v]
        return v

    def merge(a: int, b: int) -> None:
        a, b = find(a), find(b)
        if a == b or (variables[a].fixed and variables[b].fixed):
            return
        if any(w in live.apart[v] for v in members[a] for w in members[b]):
            return
        if variables[b].rank > variables[a].rank:
            a, b = b, a
        above[b] = a
        members[a] |= members[b]

    # Copies between variables of one name come first, then those of loops and branches, in the order of the text.
    copies = list(reversed(live.copies))
    for same in (True, False):
        for a, b in copies:
            if (variables[a].hint == variables[b].hint) is same:
                merge(a, b)
    reserved = TAKEN | set(taken)
    out = [""] * len(variables)
    holders: dict[str, list[int]] = {}
    counts: dict[str, int] = {}  # of names that no two variables share
    classes = list(dict.fromkeys(find(v) for v in live.order))
    for a in sorted(classes, key=lambda a: -any(variables[v].fixed for v in members[a])):
        best = max(members[a], key=lambda v: variables[v].rank)
        like = next((find(k) for v in sorted(members[a]) if (k := variables[v].like) is not None), None)
        if variables[best].rank < 2 and like is not None and out[like] and _free(out[like], a, holders, members, live, True):
            holders[out[like]].append(a)
            for v in members[a]:
                out[v] = out[like]
            continue
        hint = "_" if variables[best].hint == "_" else _identifier(variables[best].hint)
        shares = variables[best].rank > 0
        name, n = hint, counts.get(hint, 0)
        if not shares and hint != "_":
            n += 1
            name = f"{hint}{n}"
        while hint != "_" and (name in reserved or not _free(name, a, holders, members, live, shares)):
            n += 1
            name = f"{hint}{n}" if not hint[-1].isdigit() else f"{hint}_{n}"
        if not shares:
            counts[hint] = n
        holders.setdefault(name, []).append(a)
        for v in members[a]:
            out[v] = name
    return out


def _free(name: str, a: int, holders: dict[str, list[int]], members: list[set[int]], live: _Live, shares: bool) -> bool:
    """Whether a class may have a name: nobody has it, or only those that are never alive at the same time."""
    others = holders.get(name, [])
    if not shares:
        return not others
    return not any(w in live.apart[v] for b in others for v in members[a] for w in members[b])


def _identifier(text: str) -> str:
    clean = re.sub(r"\W", "_", text)
    return clean if clean and not clean[0].isdigit() else f"v{clean}"


def record_name(form: str) -> str:
    """The name of a record's class in the text."""
    return "".join(c if c.isalnum() else "_" for c in form.rpartition(".")[2])
