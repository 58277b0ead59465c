"""Text for the eye: its pieces are the text, its lines know their places, colour adds nothing but colour."""

import re
import subprocess
import sys
import types
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from irad.backends.llvm.emit import emit_module
from irad.backends.llvm.jit import assembly

import irad
from irad.__main__ import main
from irad.cli.colour import STYLES, show_text
from irad.compiled import Compiled, Options, core_of
from irad.graph.walk import all_graphs
from irad.report.tokens import KINDS, pieces
from irad.specialize.entry import type_of
from irad.views import STAGES, language, program_at
from tests.graph.programs import GRADIENTS, PROGRAMS, Program

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
WHOLE = [s for s in STAGES if s != "linearized"]  # of straight-line code only
SOME = [p for p in (*PROGRAMS, *GRADIENTS) if p.function.__name__ in ("straight", "nested", "recursion", "vector", "checked")]


def seen(program: Program, stage: str):
    core = core_of(program.made) if program.transform else Compiled(program.function, Options())
    return program_at(core, [type_of(a) for a in program.arguments[0]], (), stage)


@pytest.mark.parametrize("stage", WHOLE)
@pytest.mark.parametrize("program", SOME, ids=lambda p: p.name)
def test_pieces_and_places(program, stage):
    view = seen(program, stage)
    text = str(view)
    lines = pieces(text, language(stage))
    assert ["".join(t for _, t in line) for line in lines] == text.removesuffix("\n").split("\n")
    assert {k for line in lines for k, _ in line} <= {"", *KINDS}
    assert len(view.spans) == len(lines)
    files = {s.file for s in view.spans if s is not None}
    assert files <= {program.function.__code__.co_filename}
    assert files or (stage == "cuda" and "__global__" not in text)


@pytest.mark.parametrize("stage", ["typed", "adjoint", "optimized"])
@pytest.mark.parametrize("program", SOME, ids=lambda p: p.name)
def test_every_operation_with_a_place_has_a_line(program, stage):
    view = seen(program, stage)
    nodes = [n for g in all_graphs(view.module) for n in g.body]
    assert Counter(s for s in view.spans if s) == Counter(
        [n.span for n in nodes if n.span] + [g.span for g in all_graphs(view.module) if g.span]
    )
    for line, span in zip(str(view).splitlines(), view.spans, strict=True):
        assert not (m := re.search(r"# (\S+:\d+)$", line)) or m[1] == str(span)


def test_a_call_that_is_not_differentiated_has_the_line_of_the_call():
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    def scaled(w, x, n):
        return w * power(x, n)

    view = irad.ir(irad.grad(scaled), 1.0, 2.0, 3, stage="adjoint")
    (span,) = [
        s for line, s in zip(str(view).splitlines(), view.spans, strict=True) if line.startswith("  %") and "@power" in line
    ]
    assert span.line == scaled.__code__.co_firstlineno + 1


@pytest.mark.parametrize("program", SOME, ids=lambda p: p.name)
def test_machine_code_is_what_runs_and_cites_the_lines_of_the_program(program):
    """The places come with the text that is compiled, and every line that the optimized program cites is in it."""
    llvm, asm = seen(program, "llvm"), seen(program, "asm")
    assert str(llvm) == emit_module(llvm.module).text
    assert str(asm) == assembly(str(llvm))
    emitted = {n.span.line for g in all_graphs(llvm.module) for n in g.body if n.span and n.fn.elementwise and n.args}
    assert emitted <= {s.line for s in llvm.spans if s}
    for view in (llvm, asm):
        instructions = [(t, s) for t, s in zip(str(view).splitlines(), view.spans, strict=True) if s]
        assert len(instructions) > 5
        assert not [t for t, _ in instructions if t.startswith(("declare", "attributes", "!", "\t."))]


def test_the_text_is_the_same_in_every_process():
    """It does not depend on addresses or hashes."""
    code = (
        "from tests.views.test_text import *\nprint(hash('a'), *[seen(p, 'llvm') for p in (*PROGRAMS, *GRADIENTS)], sep='\\n')"
    )
    made = set()
    for seed in "123":
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        made.add(done.stdout.partition("\n")[2])
    assert len(made) == 1


def test_places_of_instructions():
    """The multiplication is on its line, in LLVM text and in assembly, and the division on its own."""

    def f(x, y):
        a = x * y
        return a / (y + 1.0)

    first = f.__code__.co_firstlineno
    for stage, multiply, divide in (("llvm", r"= fmul double", r"= fdiv double"), ("asm", r"\bv?f?mul", r"\bv?f?div")):
        view = irad.ir(f, 2.0, 3.0, stage=stage)
        lines = list(zip(str(view).splitlines(), view.spans, strict=True))
        assert {s.line for t, s in lines if s and re.search(multiply, t)} == {first + 1}
        assert {s.line for t, s in lines if s and re.search(divide, t)} == {first + 2}


@given(st.sampled_from(["ir", "llvm", "asm", "cuda", "python"]), st.text(max_size=60))
def test_any_text_in_pieces_is_that_text(kind, text):
    lines = pieces(text, kind)
    assert "\n".join("".join(t for _, t in line) for line in lines) + "\n" == (text if text.endswith("\n") else text + "\n")


def test_kinds():
    (line,) = pieces('  %x_1: f64[3] ~ index_update(%x, @g, nan:0x7ff1, axis=0, of=f64, name="# no");  # a.py:3\n', "ir")
    found = {t: k for k, t in line if k}
    assert found == {
        **{"%x_1": "variable", "%x": "variable", "@g": "function", "f64": "type", "~": "derivative"},
        **{"index_update": "operation", "nan:0x7ff1": "number", "axis": "fact", "of": "fact", "name": "fact"},
        **{"3": "number", "0": "number", '"# no"': "string", "# a.py:3": "comment"},
    }


def test_every_kind_has_a_colour():
    assert set(STYLES) == set(KINDS)


@pytest.mark.parametrize("stage", WHOLE)
def test_colour_changes_no_character(capsys, stage):
    command = ["ir", "docs/tour.py:grow", "--types", "float, float, int", "--grad", "--stage", stage]
    assert main(["run", "docs/tour.py:grow", "0.5", "2.0", "3", "--grad"]) == 0
    run = capsys.readouterr().out
    texts = {}
    for color in ("always", "never", "auto"):
        assert main([*command, "--color", color]) == 0
        texts[color] = capsys.readouterr().out
    assert texts["auto"] == texts["never"]  # it is no terminal
    assert "\x1b" not in texts["never"]
    assert "\x1b[" in texts["always"]
    assert ESCAPES.sub("", texts["always"]) == texts["never"]
    if stage in ("adjoint", "optimized", "lowered"):
        read = irad.parse_ir(ESCAPES.sub("", texts["always"]))
        assert f"{irad.compile(read)(0.5, 2.0, 3)!r}\n" == run


def test_colour_of_a_terminal(monkeypatch):
    written = []
    terminal = types.SimpleNamespace(write=written.append, isatty=lambda: True, fileno=lambda: 1, encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", terminal)
    for variables, coloured in (
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ):
        for name in ("TERM", "NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        written.clear()
        show_text("graph @f() -> int {", "ir", "auto")
        assert ("\x1b" in "".join(written)) == coloured, variables


def test_passes_are_coloured_too(tmp_path):
    """As are the texts of `irad opt`."""
    text = str(irad.ir(lambda x: x * 1.0, 2.0, stage="typed"))
    (tmp_path / "f.irad").write_text(text)
    command = [sys.executable, "-m", "irad", "opt", str(tmp_path / "f.irad"), "--print-after", "inline", "--color"]
    plain, coloured = (
        subprocess.run([*command, c], capture_output=True, text=True, check=True).stdout for c in ("auto", "always")
    )
    assert ESCAPES.sub("", coloured) == plain
    assert plain.startswith("# after pass 1: inline\n")
    assert coloured.count("\x1b[") > 10
