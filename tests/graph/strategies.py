"""Texts of modules, and what goes wrong with texts."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable

from irad.frontend import lower

from irad.graph.text import print_graph
from irad.primitives import REGISTRY
from tests.graph.programs import GRADIENTS, PROGRAMS, fresh

__all__ = ["BASES", "base", "base_names", "mutated"]

BASES = [
    *[(p, stage) for p in PROGRAMS for stage in ("python", "typed", "optimized")],
    *[(p, stage) for p in GRADIENTS for stage in ("typed", "adjoint", "optimized")],
]
LONGEST = 12_000  # characters of a text that is mutated


@functools.cache
def base(index: int) -> str:
    """The text of a program at a stage."""
    program, stage = BASES[index]
    return print_graph(lower(program.function)) if stage == "python" else str(fresh(program, stage))


def base_names() -> list[str]:
    return [f"{p.name} {stage}" for p, stage in BASES]


def mutated(rng: random.Random) -> str:
    """A text of a program with one to three accidents; in half of the texts they are such that often leave a module."""
    text = _short(rng)
    kinds = rng.choice([ACCIDENTS, MEANING])
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        text = rng.choice(kinds)(text, rng)
    return text


def _short(rng: random.Random) -> str:
    while len(text := base(rng.randrange(len(BASES)))) > LONGEST:
        pass
    return text


_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|[%@][\w.]+|-?\d[\w.]*(?:[eE][-+]?\d+)?|[^\W\d][\w.]*|->|[^\w\s]')
_NUMBER = re.compile(r"(?<![\w%@.])-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w.])")
_TYPE = re.compile(r"\b(?:f64|f32|i64|i32|bool|float|int)\b(?:\[[^\]\n]*\])?|\(\)|stack\[[^\]\n]*\]|list\[[^\]\n]*\]")
_NAME = re.compile(r"[%@][\w.]+")
_OPERATION = re.compile(r"(?<=[=~] )[a-z]\w*(?=\()")
_FACT = re.compile(r"\b([a-z]+)=([^,;\n]+?)(?=[,)])")

TYPES = "f64 f32 i64 i32 bool float int f64[3] f64[0] i64[2,3] f32[n] bool[5] (float,int) () stack[float] list[float] @h"
TYPES += " static(None) unbound object [float,float] {'a':float} stack[f64[2]] (float,) f64[2147483648]"
NUMBERS = (
    "0 1 -1 2 7 -2 64 100000 9223372036854775807 -9223372036854775808 9223372036854775808 0.0 -0.0 1e308 5e-324 inf -inf nan "
    "nan:0x7ff8000000000001 nan:0xfff8000000000000 1e999 0.5 -3.75 true false none () i32(5) f32(0.1) i64(3) bool(1) "
    "undef(float) undef(f64[3]) static('a') 00 1. 123456789012345678901234567890"
).split()
PIECES = [
    *"%@(){}[];:=~,0\"'#|-.<>\\\n",
    *("graph", "return", "type", "->", "\x00", "\ufeff", "é", "\u202e", "😀", "\ud800", "\r", "\x1a", "%x", "@f"),
    *("((((", "}}}", "/*"),
    *('"', "'a", '"\\', '"\\x', "# f.py:3", "import os", "eval(", "__class__", "{0}", '@"f.py":1:2', "  ", "\t"),
]


def _places(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return list(pattern.finditer(text))


def _put(pattern: re.Pattern[str], choices: Callable[[str, random.Random], str]) -> Callable[[str, random.Random], str]:
    """An accident that replaces one match of a pattern."""

    def accident(text: str, rng: random.Random) -> str:
        found = _places(pattern, text)
        if not found:
            return text
        m = rng.choice(found)
        return text[: m.start()] + choices(text, rng) + text[m.end() :]

    return accident


def _another(pattern: re.Pattern[str]) -> Callable[[str, random.Random], str]:
    return lambda text, rng: rng.choice(_places(pattern, text))[0]


def _flip_bytes(text: str, rng: random.Random) -> str:
    raw = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(rng.randint(1, 4)):
        if raw:
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return raw.decode("utf-8", "replace")


def _cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _drop_character(text: str, rng: random.Random) -> str:
    i = rng.randrange(len(text) + 1)
    return text[:i] + text[i + 1 :]


def _insert(text: str, rng: random.Random) -> str:
    i = rng.randrange(len(text) + 1)
    return text[:i] + rng.choice(PIECES) + text[i:]


def _insert_many(text: str, rng: random.Random) -> str:
    i = rng.randrange(len(text) + 1)
    piece = rng.choice(["(", "[", "{", "a", "9", "#", '"', "%x ", "(float,", "stack[", "\n", ";", "-"])
    return text[:i] + piece * rng.choice([50, 3000]) + text[i:]


def _with_lines(change: Callable[[list[str], random.Random], None]) -> Callable[[str, random.Random], str]:
    def accident(text: str, rng: random.Random) -> str:
        lines = text.splitlines(keepends=True)
        if lines:
            change(lines, rng)
        return "".join(lines)

    return accident


def _drop_line(lines: list[str], rng: random.Random) -> None:
    del lines[rng.randrange(len(lines))]


def _swap_lines(lines: list[str], rng: random.Random) -> None:
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]


def _repeat_line(lines: list[str], rng: random.Random) -> None:
    i = rng.randrange(len(lines))
    lines.insert(i, lines[i])


def _move_line(lines: list[str], rng: random.Random) -> None:
    line = lines.pop(rng.randrange(len(lines)))
    lines.insert(rng.randrange(len(lines) + 1), line)


def _splice_lines(lines: list[str], rng: random.Random) -> None:
    other = _short(rng).splitlines(keepends=True)
    i, n = rng.randrange(len(other)), rng.randint(1, 8)
    at = rng.randrange(len(lines) + 1)
    lines[at : at + rng.randrange(3)] = other[i : i + n]


def _splice(text: str, rng: random.Random) -> str:
    other = _short(rng)
    return text[: rng.randrange(len(text) + 1)] + other[rng.randrange(len(other)) :]


def _append(text: str, rng: random.Random) -> str:
    """The graphs of two programs in one module."""
    return text + "\n" + _short(rng)


def _drop_token(text: str, rng: random.Random) -> str:
    return _put(_TOKEN, lambda t, r: "")(text, rng)


def _repeat_token(text: str, rng: random.Random) -> str:
    found = _places(_TOKEN, text)
    if not found:
        return text
    m = rng.choice(found)
    return text[: m.end()] + " " + m[0] + text[m.end() :]


def _swap_tokens(text: str, rng: random.Random) -> str:
    found = _places(_TOKEN, text)
    if len(found) < 2:
        return text
    a, b = sorted(rng.sample(found, 2), key=lambda m: m.start())
    return text[: a.start()] + b[0] + text[a.end() : b.start()] + a[0] + text[b.end() :]


def _rename(text: str, rng: random.Random) -> str:
    """One name by another of its kind, everywhere."""
    names = sorted({m[0] for m in _places(_NAME, text)})
    if not names:
        return text
    a = rng.choice(names)
    b = rng.choice([n for n in names if n[0] == a[0]])
    return re.sub(re.escape(a) + r"(?![\w.])", b.replace("\\", ""), text)


def _retype_everywhere(text: str, rng: random.Random) -> str:
    """A scalar type by another: much of the text stays well typed."""
    a, b = rng.sample(["float", "f64", "f32", "int", "i64", "i32", "bool"], 2)
    return re.sub(rf"\b{a}\b", b, text)


def _another_type(text: str, rng: random.Random) -> str:
    return rng.choice(TYPES.split(" ")) if rng.random() < 0.6 else rng.choice(_places(_TYPE, text))[0]


def _another_number(text: str, rng: random.Random) -> str:
    return rng.choice(NUMBERS) if rng.random() < 0.7 else str(rng.randint(-5, 12))


def _another_operation(text: str, rng: random.Random) -> str:
    return rng.choice(sorted(REGISTRY)) if rng.random() < 0.7 else rng.choice(_places(_OPERATION, text))[0]


def _another_operand(text: str, rng: random.Random) -> str:
    return rng.choice(_places(_NAME, text))[0] if rng.random() < 0.8 else rng.choice(NUMBERS)


_OPERAND = re.compile(r"%[\w.]+(?=[,)])")
_RESULT = re.compile(r"(?<=return )%[\w.]+|(?<=, )%[\w.]+")

_DECLARED = re.compile(r"(%[\w.]+): ([^=~;{}\n]+?)(?= [=~] |, %|\) ->)")
_INT = re.compile(r"(?<![\w%@.])-?\d+(?![\w.])")
_REAL = re.compile(r"(?<![\w%@.])-?\d+\.\d+(?:e[-+]?\d+)?(?![\w.])")
ALIKE = [
    "add sub mul div pow maximum minimum copysign atan2 hypot fmod floordiv mod",
    "neg abs sign sqrt exp log sin cos tanh floor expm1 cbrt stop_gradient",
    "eq ne lt le gt ge",
    "and or xor",
    "sum prod max min",
    "add sub mul floordiv mod and or xor lshift rshift ipow maximum minimum",
    "list_append list_plus",
    "index_update index_add",
    "slice_update slice_add",
    "pop pop_zero list_pop",
    "list_index list_get",
    "list_update list_add",
    "stack_size list_size tag",
    "project project_zero",
    "reshape broadcast",
    "for_loop while_loop",
]


def _another_of_its_type(text: str, rng: random.Random) -> str:
    """An operand by another value of the same type."""
    types = dict(_DECLARED.findall(text))
    places = [m for m in _places(_OPERAND, text) if m[0] in types]
    if not places:
        return text
    m = rng.choice(places)
    name = rng.choice([n for n, t in types.items() if t == types[m[0]]])
    return text[: m.start()] + name + text[m.end() :]


def _another_like_it(text: str, rng: random.Random) -> str:
    """An operation by one that takes and gives the same."""
    groups = [g.split() for g in ALIKE]
    places = [m for m in _places(_OPERATION, text) if any(m[0] in g for g in groups)]
    if not places:
        return text
    m = rng.choice(places)
    name = rng.choice(rng.choice([g for g in groups if m[0] in g]))
    return text[: m.start()] + name + text[m.end() :]


def _int(text: str, rng: random.Random) -> str:
    return str(rng.choice([rng.randint(-3, 12), rng.randint(-3, 12), 10**6, 2**40, 2**63 - 1, -(2**63)]))


def _real(text: str, rng: random.Random) -> str:
    return rng.choice(["0.0", "-0.0", "1e308", "5e-324", "inf", "-inf", "nan", "0.5", "-3.75", "1e17", "2.0"])


RAW = [_flip_bytes, _cut, _drop_character, _insert, _insert_many, _splice]
TOKENS = [_drop_token, _repeat_token, _swap_tokens, _put(_TOKEN, _another(_TOKEN)), _append, _rename]
TOKENS += map(_with_lines, [_drop_line, _swap_lines, _repeat_line, _move_line, _splice_lines])
PARTS = [
    *[_put(_NUMBER, _another_number)] * 4,
    *[_put(_OPERATION, _another_operation)] * 3,
    *[_put(_OPERAND, _another_operand)] * 4,
    *[_put(_TYPE, _another_type)] * 2,
    _retype_everywhere,
    _retype_everywhere,
    _put(_RESULT, _another(_NAME)),
    _put(_NAME, _another(_NAME)),
    _put(_FACT, _another(_FACT)),
]
MEANING = [  # what often leaves a module, of another meaning
    *[_another_of_its_type] * 4,
    *[_another_like_it] * 3,
    *[_put(_INT, _int)] * 3,
    *[_put(_REAL, _real)] * 2,
    _put(_FACT, _another(_FACT)),
    _with_lines(_drop_line),
    _with_lines(_repeat_line),
    _retype_everywhere,
]
ACCIDENTS = [*RAW * 2, *TOKENS, *PARTS]
