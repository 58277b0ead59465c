"""IR as text: printing and parsing are each other's inverse, at every stage; text runs; what is no IR gets a diagnostic."""

import dataclasses
import math
import sys

import numpy as np
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
        assert all(n.span is None or m.span.line == n.span.users().line for n, m in zip(g.body, h.body, strict=True))


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
        ("\ufeffgraph @f() -> float {\n  return 1.0;\n}", "ir-syntax", 1),
        ("graph @f() -> float {\r\n  return 1.0\r\n}", "ir-syntax", 3),
        ("graph @f() -> float {\n  return \0;\n}", "ir-syntax", 2),
        ("graph @f() -> float {\n  return \u0661.\u0665;\n}", "ir-syntax", 2),
        ("graph @f(%x: f64[\u0663]) -> float {\n  return 1.0;\n}", "ir-syntax", 1),
        ("graph @f(\n  %x: f64[\u00b2]) -> float {\n  return 1.0;\n}", "ir-name", 2),
        ("graph @f(%fi: float,\n  %\ufb01: float) -> float {\n  return %fi;\n}", "ir-name", 2),
        (
            "graph @f(%x: float) -> float {\n  %y: " + "(float, " * 90 + "int" + ")" * 90 + " = neg(%x);\n  return %x;\n}",
            "ir-invalid",
            2,
        ),
        ("graph @f(%x: float) -> float {\n  %y: int = make_tuple(" + "%x, " * 9000 + "%x);\n  return %x;\n}", "ir-invalid", 2),
    ],
    ids=lambda v: repr(v)[:60],
)
def test_the_diagnostic_says_where(text, name, line):
    with pytest.raises(irad.CompileError) as caught:
        irad.parse_ir(text)
    assert caught.value.name == name
    assert len(str(caught.value)) < 2000
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


# -- what names, keys and static values may be -----------------------------------------------------------------------------


@dataclasses.dataclass
class Pair:
    a: float
    b: float


Pair.__module__, Pair.__qualname__ = "my-module.1", "<odd> name"
VALUES = [
    *(
        math.nan,
        -0.0,
        0.0,
        math.inf,
        2**62,
        True,
        None,
        ...,
        (1, 2.5, "a", None),
        "a'\"\\\n\té\ud800\x00",
        math.sin,
        np.float32,
    ),
    *(np.dtype("float64"), np.float64(2.5)),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_static_values_read_back(value):
    f = irad.compile(lambda s, x: x * 2.0, static_argnums=0)
    for stage in ("typed", "optimized"):
        text = str(irad.ir(f, value, 1.0, stage=stage))
        assert str(irad.parse_ir(text)) == text


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (lambda d: d[True] + d["a b"], {True: 1.0, "a b": 2.0}),
        (lambda d: d[-1] + d[2.5] + d["True"], {-1: 1.0, 2.5: 2.0, "True": 3.0}),
        (lambda p: p.a * p.b, Pair(1.0, 2.0)),
    ],
)
def test_keys_and_classes_read_back(function, argument):
    text = str(irad.ir(function, argument))
    again = irad.parse_ir(text)
    assert str(again) == text
    assert irad.compile(again)(argument) == function(argument)


@pytest.mark.parametrize("name", ["my file.py", "a#b.py", "c:d.py", 'it\'s "q".py', "captures %x.py"])
def test_places_in_files_of_any_name_read_back(name, tmp_path):
    (tmp_path / name).write_text("def f(x):\n    return x * 2.0\n")
    scope = {}
    exec(compile((tmp_path / name).read_text(), tmp_path / name, "exec"), scope)
    text = str(irad.ir(scope["f"], 1.0))
    assert str(irad.parse_ir(text)) == text
    assert irad.parse_ir(text).entry.body[0].span.file == name


# -- texts that ask for much -------------------------------------------------------------------------------------------------


ONE = "graph @f(%x: float) -> float {{ {} return %x; }}"
HUGE = {
    "parentheses": "(" * 1_000_000,
    "an open type": "graph @f(%x: " + "(" * 1_000_000,
    "brackets": "graph @f(%x: float) -> float { %y: " + "[" * 200_000 + "float" + "]" * 200_000 + " = sin(%x); return %y; }",
    "a deep stack": "graph @f(%x: " + "stack[" * 100_000 + "float" + "]" * 100_000 + ") -> float { return 1.0; }",
    "a deep tuple": "graph @f(%x: " + "(" * 100_000 + "float" + ",)" * 100_000 + ") -> float { return 1.0; }",
    "graphs": "".join(f"graph @f{i}(%x{i}: float) -> float {{ " for i in range(100_000)),
    "a long integer": "graph @f() -> int { return " + "9" * 1_000_000 + "; }",
    "a long negative integer": "graph @f() -> int { return -" + "9" * 1_000_000 + "; }",
    "a long float": "graph @f() -> float { return 0." + "1" * 1_000_000 + "; }",
    "a long exponent": "graph @f() -> float { return 1e" + "9" * 1_000_000 + "; }",
    "a large float": "graph @f() -> float { return 1e999999; }",
    "a large size": "graph @f(%x: f64[" + "9" * 1_000_000 + "]) -> float { return 1.0; }",
    "sizes whose product is large": "graph @f(%x: f64[4294967296,4294967296]) -> float { return 1.0; }",
    "a long product": "graph @f(%x: f64[" + "n*" * 20_000 + "n]) -> float { return 1.0; }",
    "a long sum": "graph @f(%x: f64[" + "+".join(f"n{i}" for i in range(10_000)) + "]) -> float { return 1.0; }",
    "many axes": "graph @f(%x: f64[" + "1," * 20_000 + "1]) -> float { return 1.0; }",
    "a long name": "graph @f(%" + "x" * 1_000_000 + ": float) -> float { return %y; }",
    "a long line of nothing": " " * 1_000_000 + "x",
    "a long comment": "#" * 1_000_000,
    "comments": "# a\n" * 50_000,
    "an open string": ONE.format('print(format="' + "x" * 1_000_000),
    "quotes": "'\"" * 300_000,
    "backslashes": '"' + "\\" * 500_000,
    "null bytes": "\x00" * 100_000,
    "arguments": ONE.format("%y: float = add(" + ", ".join(["%x"] * 20_000) + ");"),
    "a wide message": ONE.format('raise(%x, error="ValueError", message="{0:999999999}");'),
    "what str.format can reach": ONE.format('raise(%x, error="ValueError", message="{0.__class__}");'),
    "an error that is a function": ONE.format('raise(error="eval", message="__import__(\'os\')._exit(1)");'),
    "an error that ends Python": ONE.format('raise(error="SystemExit", message="");'),
    "an alphabet": "".join(map(chr, range(0x300, 0x2000))),
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_texts_that_ask_for_much_are_refused(text):
    with pytest.raises(irad.CompileError) as caught:
        irad.parse_ir(text)
    assert caught.value.name.startswith("ir-")
    assert len(str(caught.value)) < 2_000
    assert all(len(line) < 400 for line in str(caught.value).splitlines())


def test_limits_are_arguments():
    text = str(fresh(PROGRAMS[0], "typed"))
    nodes = text.count(";")
    irad.parse_ir(text, max_length=len(text), max_nodes=nodes, max_depth=0)
    for limit in ({"max_length": len(text) - 1}, {"max_nodes": nodes - 1}):
        with pytest.raises(irad.CompileError, match=next(iter(limit))) as caught:
            irad.parse_ir(text, **limit)
        assert caught.value.name == "ir-too-large"
    deep = nested_text(40)
    irad.parse_ir(deep, max_depth=40)
    with pytest.raises(irad.CompileError, match="max_depth=39"):
        irad.parse_ir(deep, max_depth=39)


def test_a_long_text_is_read_in_linear_time():
    """Counted in calls, not in seconds: four times the text, four times the work."""

    def work(n):
        lines = [f"  %a{i + 1}: float = add(%a{i}, {i}.5);  # f.py:{i + 1}" for i in range(n)]
        text = "graph @f(%a0: float) -> float {\n" + "\n".join(lines) + f"\n  return %a{n};\n}}\n"
        count = 0

        def called(*_):
            nonlocal count
            count += 1

        sys.setprofile(called)
        try:
            irad.parse_ir(text)
        finally:
            sys.setprofile(None)
        return count

    work(1)  # the parser is made
    assert work(800) < 4.2 * work(200)
