"""Where assembly comes from: LLVM carries places through code generation as debug locations, one number a place.

    %v12 = fmul double %p2, %v9, !dbg !107        ->    .loc 1 5 0
                                                        vmulsd %xmm1, %xmm0, %xmm2

The locations are directives only (no debug sections), so that without them the text is that of `jit.assembly`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from irad.backends.llvm.jit import assembly

from irad.errors import Span

__all__ = ["assembly_with_spans"]

FIRST = 100  # numbers of metadata that the text itself does not use
HEAD = f"""\
!llvm.dbg.cu = !{{!{FIRST}}}
!llvm.module.flags = !{{!{FIRST + 1}}}
!{FIRST} = distinct !DICompileUnit(language: DW_LANG_C, file: !{FIRST + 2}, emissionKind: DebugDirectivesOnly)
!{FIRST + 1} = !{{i32 2, !"Debug Info Version", i32 3}}
!{FIRST + 2} = !DIFile(filename: "places", directory: "")
!{FIRST + 3} = !DISubroutineType(types: !{{}})
"""
_LOC = re.compile(r"\s*\.loc\s+\d+\s+(\d+)")
_LABEL = re.compile(r"\.L(tmp|func_begin)\d+:")  # that only debug locations ask for


def assembly_with_spans(text: str, spans: Sequence[Span | None]) -> tuple[str, list[Span | None]]:
    """The assembly of LLVM text, and where each line comes from, given where each line of the text does."""
    plain = assembly(text)
    places = list(dict.fromkeys(s for s in spans if s is not None))
    numbers = {s: i for i, s in enumerate(places, 1)}
    code: list[str] = []
    found: list[Span | None] = []
    now: Span | None = None
    for line in assembly(_located(text, [numbers[s] if s is not None else 0 for s in spans])).splitlines():
        if m := _LOC.match(line):
            now = places[int(m[1]) - 1] if m[1] != "0" else None
        elif _is_code(line):
            code.append(line)
            found.append(now)
        elif line.startswith("\t.size"):  # the end of a function
            now = None
    lines = plain.splitlines()
    if code != [line for line in lines if _is_code(line)]:
        return plain, [None] * len(lines)  # the locations changed the code: better no places than wrong ones
    each = iter(found)
    return plain, [next(each) if _is_code(line) else None for line in lines]


def _is_code(line: str) -> bool:
    """An instruction or a label; no directive: those of call frames and files come with the locations."""
    return not line.startswith("\t.") and not _LABEL.match(line)


def _located(text: str, numbers: Sequence[int]) -> str:
    """The text with a debug location, whose line is the number given, at each instruction of the functions that have any."""
    lines = text.splitlines()
    metadata: list[str] = []
    known: dict[tuple[int, int], int] = {}
    function = 0

    def new(what: str) -> int:
        metadata.append(f"!{FIRST + 4 + len(metadata)} = {what}")
        return FIRST + 3 + len(metadata)

    for i, line in enumerate(lines):
        if line.startswith("define"):
            end = lines.index("}", i)
            function = 0
            if any(numbers[i:end]):
                function = new(
                    f'distinct !DISubprogram(name: "f", file: !{FIRST + 2}, type: !{FIRST + 3}, unit: !{FIRST}, '
                    "spFlags: DISPFlagDefinition)"
                )
                lines[i] = f"{line.removesuffix('{')}!dbg !{function} {{"
        elif function and line.startswith("  "):
            place = (function, numbers[i])
            if place not in known:
                known[place] = new(f"!DILocation(line: {numbers[i]}, scope: !{function})")
            lines[i] = f"{line}, !dbg !{known[place]}"
    return "\n".join([*lines, HEAD, *metadata, ""])
