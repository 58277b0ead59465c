"""What the stage "lowered" says is so: against the emitted text, and against the memory that a run takes."""

import re
from collections import Counter

import numpy as np
import pytest

import irad
from irad.graph.walk import all_graphs
from irad.pipeline import native
from irad.views import of_module
from tests.graph.programs import GRADIENTS, PROGRAMS
from tests.views.test_text import seen


@pytest.mark.parametrize("program", [*PROGRAMS, *GRADIENTS], ids=lambda p: p.name)
def test_it_is_what_native_code_is_made_of(program):
    """Remarks are comments: the text reads back to the same program, with the same places."""
    lowered, module = seen(program, "lowered"), native(seen(program, "optimized").module)
    again = irad.parse_ir(str(lowered))
    assert str(again) == str(irad.parse_ir(str(module)))
    for g, h in zip(all_graphs(module), all_graphs(again), strict=True):
        for n, m in zip(g.body, h.body, strict=True):
            assert n.span is None or (m.span is not None and str(m.span) == str(n.span.users()))
    assert lowered.spans == of_module("", module).spans


@pytest.mark.parametrize("program", [*PROGRAMS, *GRADIENTS], ids=lambda p: p.name)
def test_each_release_and_retain_is_emitted(program):
    """A remark stands for one call in the text, at least one for every value that is named."""
    text = str(seen(program, "lowered"))
    functions = str(seen(program, "llvm")).partition("define i32 @irad.entry")
    emitted = Counter(re.findall(r"call void @irad\.(retain|release)\(", functions[1] + functions[2]))
    said = Counter(re.findall(r"[#;] (retain|release)s %", text))
    assert (emitted["release"] > 0) == (said["release"] > 0) or "define internal fastcc" in functions[0]
    assert said["retain"] <= emitted["retain"] or "define internal fastcc" in functions[0]


def remarks(f, *args):
    """The remarks by operation."""
    found = {}
    for line in str(irad.ir(f, *args, stage="lowered")).splitlines():
        m = re.search(r"[=~] @?(\w+)\(.*?#(?: [^;]*:\d+)?;? ?(.*)", line)
        if m:
            found.setdefault(m[1], []).append(m[2])
    return found


def test_updates():
    def f(x, n):
        y = np.zeros(40)
        for i in range(n):
            y[i] += x[0]
        z = y.copy()
        z[1] = 5.0
        x[0] = 1.0
        return np.sum(y * z) + x[0]

    said = remarks(f, np.ones(40), 3)
    assert said["zeros"] == ["a new array, 320 bytes"]
    inside, copied, caller = said["index_update"]
    assert re.fullmatch(r"in place, where %\S+ has no other owner", inside)
    assert re.search(r"copies %\S+, which is read again", copied)
    assert caller == "copies %x, the caller's"
    assert all(r.startswith("computed where it is read") for r in said["mul"])


def test_stacks_and_loops():
    def known(x, n):
        for _ in range(5000):
            x = x * np.sin(x)
        return x

    def unknown(x, n):
        while True:
            x = x * x + 1.0
            if x > n:
                return x

    (forward, backward) = remarks(irad.grad(known), 1.0, 3)["for_loop"]
    assert "room for 5000 × " in forward
    assert "releases" in backward
    assert remarks(irad.grad(known), 1.0, 3)["push"] == ["there is room"]
    said = remarks(irad.grad(unknown), 1.0, 30.0)
    assert any("in the frame" in r for r in said["while_loop"])
    assert said["push"] == ["grows where it is full"]


def test_what_has_one_owner_is_written_without_asking():
    """A chain of writes asks once at most; an array that is read again, or handed on in between, is copied."""
    text = """
    graph @f(%x: float, %k: int) -> (f64[40], f64[40], f64[40]) {
      %z: f64[40] = zeros(of=f64[40]);
      %a: f64[40] = index_update(%z, %x, 0);
      %b: f64[40] = index_add(%a, %x, %k);
      %c: f64[40] = index_update(%z, 2.0, %k);
      %d: f64[40] = index_update(%c, 3.0, 1);
      %e: f64 = index(%d, %k);
      %g: f64[40] = index_update(%d, %e, 2);
      %h: f64[40] = index_update(%b, 5.0, 3);
      %r: (f64[40], f64[40], f64[40]) = make_tuple(%b, %g, %h);
      return %r;
    }
    """
    module = irad.parse_ir(text)
    z, x, k = np.zeros(40), 7.0, 4
    a, c = z.copy(), z.copy()
    a[0], a[k] = x, x
    c[k], c[1], c[2] = 2.0, 3.0, 2.0
    h = a.copy()
    h[3] = 5.0
    for backend in ("llvm", "interpreter"):
        for got, want in zip(irad.compile(module, backend=backend)(x, k), (a, c, h), strict=True):
            assert list(got) == list(want)
    shown = str(irad.ir(module, x, k, stage="lowered"))
    assert shown.count("copies") == 2  # z, which is read again, and b, which is returned
    assert shown.count("; in place") + shown.count("# in place") == 4
