"""IR as text: printing and parsing are each other's inverse, at every stage; text runs; what is no IR gets a diagnostic."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from irad.frontend import lower

import irad
from irad.graph.text import print_graph
from irad.graph.walk import all_graphs
from irad.verify import verify
from tests.frontend.agree import BACKENDS, outcome, same
from tests.graph.programs import GRADIENTS, PROGRAMS, STAGES, fresh, nested_text, shallow_stack

BOTH = [*PROGRAMS, *GRADIENTS]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("program", BOTH, ids=lambda p: p.name)
def test_text_and_back(program, stage):
    module = fresh(program, stage)
    text = str(module)
    again = irad.parse_ir(text)
    assert str(again) == text
    verify(again, stage)
    assert list(again.sums) == list(module.sums)
    for g, h in zip(all_graphs(module), all_graphs(again), strict=True):
        assert [(n.fn, n.type, n.static, n.adjoint) for n in h.body] == [(n.fn, n.type, n.static, n.adjoint) for n in g.body]
        assert [p.type for p in h.params] == [p.type for p in g.params]
        assert all(n.span is None or m.span.line == n.span.line for n, m in zip(g.body, h.body, strict=True))


def every_syntax(a, *rest, k=..., **named):
    """Never called: it has what Python has."""

    def inner(q, /, w=1.0, *, e=2):
        nonlocal k
        k = a[..., 0, None, 1:2, ::-1]
        return f"{k!r:>10}{{}}" if k is None else [i for i in rest if i for j in i]

    assert a, f"x\n{a}'\""
    for i, (j, *k) in rest:
        a[i].b += j @ k
        del j
    else:
        while not (a < k <= 3 != 2):
            break
        else:
            raise ValueError(a)
    import math as m

    x = y = (lambda *u, **v: {"b": -0.0, 3: 1e300, None: "é\x00"})(*rest, **named) if k else {i: -i for i in rest}
    return a if ((z := inner(m.pi)) and a) or z is not k else (x, y, True, *rest)


@pytest.mark.parametrize("function", [*[p.function for p in PROGRAMS], every_syntax], ids=lambda f: f.__name__)
def test_the_python_stage(function):
    text = print_graph(lower(function))
    again = irad.parse_ir(text)
    assert str(again) == text
    assert irad.parse_ir(str(again)) is not again
    with pytest.raises(irad.CompileError):  # it has no types: there is nothing to run
        irad.compile(again)(*[1.0] * len(again.entry.params))


def test_the_view_of_the_python_stage_reads_back():
    def f(x):
        return [x if x > i else -x for i in range(3)]

    for stage in ("python", "typed", "adjoint", "optimized"):
        text = str(irad.ir(f, 1.0, stage=stage))
        assert str(irad.parse_ir(text)) == text


@pytest.mark.parametrize(
    ("program", "stage"),
    [*[(p, "optimized") for p in BOTH[:-3]], *[(p, "adjoint") for p in GRADIENTS[:4]]],
    ids=lambda v: getattr(v, "name", v),
)
def test_text_runs_as_the_function_does(program, stage):
    module = irad.parse_ir(str(fresh(program, stage)))
    for backend in BACKENDS:
        function, text = (irad.compile(f, backend=backend) for f in (program.made, module))
        for args in program.arguments:
            want, got = outcome(function, args), outcome(text, args)
            assert near(got, want), f"{args} on {backend}: {got}, and {want} as a function"


def near(a, b):
    """Equal, but for what an optimization of optimized code does to the last bits of derivatives."""
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(near, a, b))
    return same(a, b) or (type(a) is type(b) is float and a == pytest.approx(b, rel=1e-12, abs=1e-14))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_typed_text_runs_too(program):
    run = irad.compile(irad.parse_ir(str(fresh(program, "typed"))), backend="interpreter")
    for args in program.arguments:
        assert near(outcome(run, args), outcome(program.function, args))


def test_constants_of_all_kinds_keep_their_bits():
    numbers = ["0.0", "-0.0", "inf", "-inf", "nan", "nan:0x7ff8000000000001", "5e-324", "1.7976931348623157e+308", "0.1"]
    for n in numbers:
        text = f"graph @f() -> float {{\n  return {n};\n}}\n"
        assert str(irad.parse_ir(text)) == text
        for backend in BACKENDS:
            assert same(irad.compile(irad.parse_ir(text), backend=backend)(), float(n.split(":")[0]))


@settings(max_examples=30, deadline=None)
@given(st.text("graph @f(%x: float) -> {return;}0123.=~\"'#,[]\n\\type|", max_size=60))
@example("")
@example("graph @f() -> float { return 1.0; } graph @f() -> float { return 1.0; }")
@example("graph @f(%x: float, %x: float) -> float { return %x; }")
@example("graph @f(%x: float) -> float { %y: float = @g(%x); return %y; }")
@example("graph @f(%x: float) -> float { %y: float = call(@f, %x); return %y; }")
@example("graph @f(%x: float) -> int { return %x; }")
@example("graph @f(%x: float) -> float { %y: float = nope(%x); return %y; }")
@example("graph @f(%x: float) -> float { %y: float = sin(%x, %x); return %y; }")
@example("graph @f(%x: float) -> float { %y: float = sin(); return %y; }")
@example("graph @f(%x: float) -> float { %y: int = sin(%x); return %y; }")
@example("graph @f(%x: float) -> float { sin(%x); return %x; }")
@example("graph @f(%x: float) -> float { %y: float = getitem(%x, index=0); return %y; }")
@example("graph @f(%x: float) -> float { %y: float = getitem(%x, index=-1); return %y; }")
@example("graph @f(%x: float) -> float { %y: float = sin(%x, index=1); return %y; }")
@example("graph @f(%x: f64[) -> float { return %x; }")
@example("graph @f(%x: float) -> float { return i32(3000000000); }")
@example("graph @f(%x: float) -> float { return i32(1.5); }")
@example('graph @f(%x: bool) -> float { assert(%x, error="E", message="{9}"); return 1.0; }')
@example("graph @f(%x: int) -> int { %0: int = for_loop(%x, @f, %x); return %0; }")
@example("type @h = (float) | (@h); type @h = (); graph @f() -> float { return 1.0; }")
@example("graph @f() -> f64[2] { %0: f64[2] = zeros(of=f64[n]); return %0; }")
def test_any_text_at_all(text):
    try:
        irad.parse_ir(text)
    except irad.CompileError as e:
        assert e.diagnostic.message  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("graph @f(%x: float) -> float {\n  return %y;\n}", "ir-name", 2),
        ("graph @f(%x: float) -> float {\n\n  %y: float = oops(%x);\n  return %y;\n}", "ir-operation", 3),
        ("graph @f(%x: float) -> float {\n  %y: float = @g(%x);\n  return %y;\n}", "ir-name", 2),
        ("graph @f(%x: f65) -> float {\n  return %x;\n}", "ir-type", 1),
        ("graph @f(%x: float) -> float {\n  return %x\n}", "ir-syntax", 3),
        ("graph @f(%x: float) -> float {\n  %x: float = sin(%x);\n  return %x;\n}", "ir-name", 2),
        ("", "ir-syntax", None),
    ],
)
def test_the_diagnostic_says_where(text, name, line):
    with pytest.raises(irad.CompileError) as caught:
        irad.parse_ir(text)
    assert caught.value.name == name
    assert line is None or f"line {line}" in caught.value.diagnostic.message


def test_a_node_of_another_graph_is_out_of_scope():
    text = "graph @f(%x: float) -> float {\n  return %x;\n}\ngraph @g(%y: float) -> float {\n  return %x;\n}"
    with pytest.raises(irad.CompileError) as caught:
        irad.parse_ir(text)
    assert caught.value.name == "ir-scope"


def test_deep_text_does_not_recurse():
    with shallow_stack():
        module = irad.parse_ir(nested_text(300))
        text = str(module)
        assert str(irad.parse_ir(text)) == text
