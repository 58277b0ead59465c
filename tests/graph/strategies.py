"""Texts of modules, and what goes wrong with texts."""

from __future__ import annotations

import random
import re

from tests.graph.programs import GRADIENTS, PROGRAMS, fresh

__all__ = ["TEXTS", "mutated"]

TEXTS = [text for p in (*PROGRAMS, *GRADIENTS) for stage in ("typed", "optimized") if len(text := str(fresh(p, stage))) < 6000]


def mutated(text: str, rng: random.Random) -> str:
    """The text with one to three accidents."""
    for _ in range(rng.randint(1, 3)):
        text = rng.choice(ACCIDENTS)(text, rng)
    return text


def _drop_character(text: str, rng: random.Random) -> str:
    i = rng.randrange(len(text) + 1)
    return text[:i] + text[i + 1 :]


def _insert(text: str, rng: random.Random) -> str:
    i = rng.randrange(len(text) + 1)
    return text[:i] + rng.choice([*"%@(){}[];:=~,0\"'#|-.", "graph", "return", "float", "-1"]) + text[i:]


def _drop_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        del lines[rng.randrange(len(lines))]
    return "".join(lines)


def _swap_lines(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    i, j = rng.randrange(len(lines) or 1), rng.randrange(len(lines) or 1)
    if lines:
        lines[i], lines[j] = lines[j], lines[i]
    return "".join(lines)


def _repeat_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        i = rng.randrange(len(lines))
        lines.insert(i, lines[i])
    return "".join(lines)


def _replace_token(text: str, rng: random.Random) -> str:
    """A name, number or operation by another one of the text."""
    tokens = list(re.finditer(r"[%@]?[\w.]+", text))
    if len(tokens) < 2:
        return text
    a, b = rng.choice(tokens), rng.choice(tokens)
    return text[: a.start()] + b[0] + text[a.end() :]


def _cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


ACCIDENTS = [_drop_character, _insert, _drop_line, _swap_lines, _repeat_line, _replace_token, _replace_token, _cut]
