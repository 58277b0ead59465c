"""Lines of Python that are too long, broken where Python allows it."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["WIDTH", "closes", "folded"]

WIDTH = 100


def folded(line: str) -> Iterator[str]:
    """A line, broken at the commas or operators of its outermost bracket where it is too long."""
    if len(line) <= WIDTH:
        yield line
        return
    pad = line[: len(line) - len(line.lstrip())]
    start = next((k for k, c in enumerate(line) if c in "([{"), None)
    places = [k for k in _brackets(line)]
    if start is None or not places:
        yield from _wrapped_statement(line, pad)
        return
    first, last = max(places, key=lambda p: p[1] - p[0])
    inner = line[first + 1 : last]
    items = _split(inner)
    if len(items) < 2 and len(line) > WIDTH:
        yield from _wrapped_statement(line, pad)
        return
    yield line[: first + 1]
    row = pad + "    "
    for k, item in enumerate(items):
        piece = item + ("," if k < len(items) - 1 or len(items) > 1 else "")
        if len(row.strip()) and len(row) + len(piece) + 1 > WIDTH:
            yield row.rstrip()
            row = pad + "    "
        row += piece + " "
    yield row.rstrip()
    yield pad + line[last:]


def _wrapped_statement(line: str, pad: str) -> Iterator[str]:
    """`x = (` a sum, a line a term or so `)`."""
    m = re.match(r"(\s*(?:return |[^=()\"']+? [-+*/]?= ))(.*)$", line)
    if m is None:
        yield line
        return
    terms = _split(m[2], (" + ", " - "))
    if len(terms) < 2:
        yield line
        return
    yield m[1] + "("
    row = pad + "    "
    for term in terms:
        if len(row.strip()) and len(row) + len(term) + 1 > WIDTH - 4:
            yield row.rstrip()
            row = pad + "    "
        row += term.strip() + " "
    yield row.rstrip()
    yield pad + ")"


def _brackets(line: str) -> list[tuple[int, int]]:
    """The outermost brackets of a line, strings left out."""
    out, stack, quote = [], [], ""
    for k, c in enumerate(line):
        if quote:
            quote = "" if c == quote and line[k - 1] != "\\" else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            stack.append(k)
        elif c in ")]}" and stack:
            first = stack.pop()
            if not stack:
                out.append((first, k))
    return out


def _split(text: str, operators: tuple[str, ...] = (", ",)) -> list[str]:
    """The parts of a text between separators outside brackets; operators stay at the head of what follows."""
    out, depth, begin, quote, k = [], 0, 0, "", 0
    while k < len(text):
        c = text[k]
        if quote:
            quote = "" if c == quote and text[k - 1] != "\\" else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif depth == 0:
            for op in operators:
                if text.startswith(op, k):
                    out.append(text[begin:k])
                    begin = k + len(op) if op == ", " else k + 1
                    k += len(op) - 1
                    break
        k += 1
    return [*out, text[begin:].rstrip(",")]


def closes(text: str) -> bool:
    """Whether the bracket that a text begins with closes at its end."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if depth == 0:
            return k == len(text) - 1
    return False
