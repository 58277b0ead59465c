"""Texts drawn from the grammar itself: each is grammatical, and a module or a refusal that says where."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark

import irad
from irad import grammar

LARK = Lark.open("ir.lark", rel_to=grammar.__file__, parser="lalr", maybe_placeholders=False)


def words(*choices):
    """Blanks behind words, which nothing else holds apart."""
    return st.sampled_from([c + " " for c in choices])


TOKENS = {
    "NAME": words("float", "int", "bool", "f64", "float", "sin", "add", "getitem"),
    "LOCAL": words("%x", "%y", "%0"),
    "GRAPH": words("@f", "@g"),
    "NUMBER": words("0", "1", "2.5", "-1", "nan", "inf", "1e3"),
    "INT": words("0", "1", "3"),
    "STRING": words('"a"', '"{0}"', "'b'"),
    "EQUALS": words("=", "~"),
    "SIGN": words("+", "-"),
    "COMMENT": st.just("# f.py:3\n"),
    **{t.name: words(t.pattern.value) for t in LARK.terminals if t.pattern.value.isidentifier()},
    **{name: st.just(" ") for name in LARK.ignore_tokens if name != "COMMENT"},
}


def test_texts_of_the_grammar():
    ends = Counter()

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(from_lark(LARK, start="start", explicit=TOKENS))
    def read(text):
        LARK.parse(text)
        try:
            module = irad.parse_ir(text)
        except irad.CompileError as e:
            ends[e.name] += 1
            assert e.name != "ir-syntax" or "graph" not in text  # noqa: PT017 - a module needs a graph
            assert "line " in e.diagnostic.message or "graph" not in text  # noqa: PT017
        else:
            ends["module"] += 1
            assert str(irad.parse_ir(str(module))) == str(module)

    read()
    assert len(ends) > 2


def test_a_graph_of_the_grammar_that_is_right_is_a_module():
    text = "graph @f(%x: float) -> float { %0: float = sin(%x); return %0; }"
    LARK.parse(text)
    assert str(irad.parse_ir(str(irad.parse_ir(text)))) == str(irad.parse_ir(text))
