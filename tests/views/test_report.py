"""The page that `irad ir --report` writes: whole, linked, inert, the same each time; and the comparison of modules on it."""

import functools
import importlib.util
import re
from html.parser import HTMLParser

import pytest

import irad
from irad.__main__ import main
from irad.compiled import Compiled, Options, core_of
from irad.graph.text import printed
from irad.graph.walk import all_graphs
from irad.pipeline import Hook, optimize
from irad.report.collect import collect
from irad.report.compare import compare
from irad.report.page import page
from irad.specialize.entry import type_of
from irad.views import PLUMBING, STAGES, language
from tests.graph.programs import GRADIENTS, PROGRAMS, fresh

VOID = {"meta", "rect", "path"}
SOME = [p for p in (*PROGRAMS, *GRADIENTS) if p.name in ("checked", "lists", "grad-counted", "grad-recursion", "grad-vector")]
TIMES = re.compile(r'<td class="right">\d+\.\d\d</td>|<rect width="[\d.]+" height="8"/>')


class Element:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent, self.inside = tag, dict(attributes), parent, []
        self.id = self.attributes.get("id")

    def all(self, tag=None, **wanted):
        for x in self.inside:
            if isinstance(x, Element):
                if (tag is None or x.tag == tag) and all(
                    x.attributes.get(k.replace("_", "-").strip("-")) == v for k, v in wanted.items()
                ):
                    yield x
                yield from x.all(tag, **wanted)

    def text(self):
        return "".join(x if isinstance(x, str) else x.text() for x in self.inside)


class Page(HTMLParser):
    """A document whose every element is closed where it should be."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.root = self.open = Element("document", {}, None)
        self.feed(text)
        self.close()
        assert self.open is self.root

    def handle_starttag(self, tag, attrs):
        e = Element(tag, attrs, self.open)
        assert len(e.attributes) == len(attrs), f"an attribute twice: {attrs}"
        self.open.inside.append(e)
        if tag not in VOID:
            self.open = e

    def handle_startendtag(self, tag, attrs):
        self.open.inside.append(Element(tag, attrs, self.open))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.tag == tag, f"</{tag}> closes <{self.open.tag}>"
            self.open = self.open.parent

    def handle_data(self, data):
        self.open.inside.append(data)

    def find(self, id):
        (found,) = (e for e in self.root.all() if e.id == id)
        return found


@functools.cache
def once(program):
    """The report on a program and its page, parsed."""
    r = report(program)
    return r, Page(page(r))


def report(program):
    core = core_of(program.made) if program.transform else Compiled(program.function, Options())
    return collect(core, [type_of(a) for a in program.arguments[0]])


def lines_of(element):
    return [e for e in element.all("div") if "l" in (e.attributes.get("class") or "").split()]


def shown(line):
    (code,) = line.all("code")
    return code.text()


@pytest.mark.parametrize("program", SOME, ids=lambda p: p.name)
def test_the_page_of_a_program(program):
    r, document = once(program)
    assert [v.stage for v in r.stages] == [s for s in STAGES if s not in dict(r.refused)]
    for view in r.stages:
        lines = lines_of(document.find(f"stage-{view.stage}"))
        for line, text, span in zip(lines, str(view).splitlines(), view.spans, strict=True):
            key = line.attributes.get("data-l")
            assert key == (str(span.line) if span is not None else None)
            place = re.compile(rf" *# {re.escape(str(span))}(?:; (.*))?$")
            if language(view.stage) == "ir":
                text = place.sub(lambda m: f"  # {m[1]}" if m[1] else "", text) if key else text  # its number stands for it
                text = re.sub(" {2,}# ", "  # ", text)  # comments are not below each other
            assert shown(line) == text
    links = {e.attributes["data-l"] for e in document.root.all() if "data-l" in e.attributes}
    ids = [e.id for e in document.root.all() if e.id]
    assert len(ids) == len(set(ids))
    assert {f"L{key}" for key in links} <= set(ids)
    targets = {e.attributes["href"] for e in document.root.all("a")}
    assert {t.removeprefix("#") for t in targets} <= set(ids)
    assert all(t.startswith("#") for t in targets)
    source = open(program.function.__code__.co_filename, encoding="utf-8").read().splitlines()
    (aside,) = document.root.all("aside")
    assert [shown(line) for line in lines_of(aside)][: len(source)] == source


@pytest.mark.parametrize("program", SOME, ids=lambda p: p.name)
def test_every_pass_before_and_after(program):
    r, document = once(program)
    for k, (step, comparison) in enumerate(r.steps):
        details = document.find(f"pass-{k}")
        if comparison.count("same") == len(comparison.rows):
            assert "stays as it is" in details.text()
            continue
        for side, module in (("old", step.before), ("new", step.after)):
            text = [shown(e) for e in lines_of(details) if side in e.attributes["class"].split()]
            code = [line.code for line in printed(module)[0]]
            assert [t.partition("  # captures")[0] for t in text] == code
    totals = document.root.all("tr", class_="total")
    counts = [td.text() for td in next(totals).all("td")]
    final = sum(n.fn.name not in PLUMBING for g in all_graphs(r.stage("optimized").module) for n in g.body)
    assert counts[-1] == str(final)


def test_the_page_needs_nothing_else():
    text = page(report(SOME[0]))
    assert not re.search(r"""(src|href|action)=["']?[^#"']|url\(|@import|<link|<img|<iframe""", text)
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {"http://www.w3.org/2000/svg"}
    document = Page(text)
    assert len(list(document.root.all("script"))) == 1
    (style,) = (e for e in document.root.all("style") if e.parent.tag == "head")
    assert "prefers-color-scheme: dark" in style.text()


def test_the_page_is_the_same_each_time():
    for program in (SOME[0], SOME[-1]):
        assert TIMES.sub("", page(report(program))) == TIMES.sub("", page(report(program)))


def test_what_a_program_says_is_inert(tmp_path):
    """A file, a function, a key and strings that would be markup are text on the page."""
    evil = '</script><b onclick="x">&amp;\'"</style>'
    path = tmp_path / "<img src=x>&.py"
    path.write_text(
        f"def f(x):\n    if x > 0.0:  # {evil}\n        raise ValueError({evil!r})\n    return {{{evil!r}: x * x}}\n",
        encoding="utf-8",
    )
    spec = importlib.util.spec_from_file_location("evil", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.f.__name__ = evil
    document = Page(page(collect(core_of(irad.compile(module.f)), [type_of(1.0)])))
    assert len(list(document.root.all("script"))) == 1
    assert not list(document.root.all("img"))
    assert not any(k.startswith("on") for e in document.root.all() for k in e.attributes)
    (h1,) = document.root.all("h1")
    assert h1.text() == evil
    (aside,) = document.root.all("aside")
    assert evil in aside.text()
    assert "<img src=x>&.py" in aside.text()
    assert "</script><b" in document.find("stage-optimized").text()
    assert "</script><b" in document.find("graph").text()


@pytest.mark.parametrize("program", [*PROGRAMS, *GRADIENTS], ids=lambda p: p.name)
def test_comparisons_are_whole_and_know_renamed_values(program):
    hook = Hook(steps=[])
    optimize(fresh(program, "typed"), hook)
    for step in hook.steps:
        c = compare(step.before, step.after)
        assert [r.left for r in c.rows if r.left is not None] == list(range(len(c.left)))
        assert [r.right for r in c.rows if r.right is not None] == list(range(len(c.right)))
        for r in c.rows:
            assert (r.left is None, r.right is None) == (r.kind == "added", r.kind == "removed")
            assert (r.kind == "changed") == bool(r.left_marks or r.right_marks)
            for marks, n, lines in ((r.left_marks, r.left, c.left), (r.right_marks, r.right, c.right)):
                assert all(0 <= a <= b <= len(lines[n].code) for a, b in marks)
        itself = compare(step.after, irad.parse_ir(renamed(str(step.after))))
        assert itself.count("same") == len(itself.rows)


def renamed(text):
    """The text with other numbers: %7 is %1007."""
    return re.sub(r"%(\d+)\b", lambda m: f"%{1000 + int(m[1])}", text)


BEFORE = """\
graph @f(%x: float, %n: int) -> float {
  %0: float = sin(%x);
  %1: float = mul(%x, 1.0);
  graph @body(%i: int, %s: float) -> float {
    %2: float = add(%s, %1);
    %3: float = mul(%2, 0.5);
    return %3;
  }
  %4: float = for_loop(%n, @body, %0);
  return %4;
}
"""
AFTER = """\
graph @f(%x: float, %n: int) -> float {
  %0: float = sin(%x);
  graph @body(%i: int, %s: float) -> float {
    %1: float = add(%s, %x);
    %2: float = mul(%1, 0.25);
    return %2;
  }
  %3: float = for_loop(%n, @body, %0);
  %4: float = neg(%3);
  return %4;
}
"""


def test_a_comparison():
    c = compare(irad.parse_ir(BEFORE), irad.parse_ir(AFTER))

    def marked(line, marks):
        return [line.code[a:b] for a, b in marks]

    found = [
        (
            r.kind,
            marked(c.left[r.left], r.left_marks) if r.left is not None else None,
            marked(c.right[r.right], r.right_marks) if r.right is not None else None,
        )
        for r in c.rows
        if r.kind != "same"
    ]
    assert found == [
        ("removed", [], None),
        ("changed", ["%1"], ["%x"]),
        ("changed", ["5"], ["25"]),
        ("added", None, []),
        ("changed", ["%4"], ["%4"]),  # another value of the same name
    ]


def test_report_on_the_command_line(capsys, tmp_path):
    file = str(tmp_path / "grow.html")
    command = ["ir", "docs/tour.py:grow", "--types", "float, float, int", "--grad"]
    assert main([*command, "--report", file]) == 0
    assert capsys.readouterr().out == ""
    document = Page(open(file, encoding="utf-8").read())
    (h1,) = document.root.all("h1")
    assert h1.text() == "grad(grow)"
    for options in (["--json"], ["--stage", "typed"], ["--time-passes"], ["--svg", file]):
        assert main([*command, "--report", file, *options]) == 2
    assert main([*command, "--report", str(tmp_path / "nowhere" / "x.html")]) == 2
    capsys.readouterr()


def test_report_of_text(tmp_path):
    """IR text has no source to show: the page says what there is."""
    (tmp_path / "f.irad").write_text(BEFORE)
    assert main(["ir", str(tmp_path / "f.irad"), "--report", str(tmp_path / "f.html")]) == 0
    document = Page((tmp_path / "f.html").read_text(encoding="utf-8"))
    assert not list(document.root.all("aside"))
    assert len(lines_of(document.find("stage-typed"))) == len(BEFORE.splitlines())


def test_the_page_of_the_demo_is_of_a_size_to_look_at():
    import numpy as np

    from irad.demo.model import loss

    core = core_of(irad.grad(loss))
    text = page(collect(core, [type_of(np.ones(n)) for n in (8, 21, 21)]))
    assert len(text.encode()) < 5e6
    Page(text)


def test_text_that_cites_a_file_shows_it_only_where_it_is(tmp_path, monkeypatch):
    """A bare name is not looked for along Python's path: it would be another file of that name."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "cited.py").write_text("wrong = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.irad").write_text("graph @f(%x: float) -> float {\n  %0: float = sin(%x);  # cited.py:1\n  return %0;\n}\n")
    assert main(["ir", "f.irad", "--report", "f.html"]) == 0
    assert "wrong" not in (tmp_path / "f.html").read_text(encoding="utf-8")
    (tmp_path / "cited.py").write_text("right = 1\n")
    assert main(["ir", "f.irad", "--report", "f.html"]) == 0
    document = Page((tmp_path / "f.html").read_text(encoding="utf-8"))
    (aside,) = document.root.all("aside")
    assert "right" in aside.text()
    assert lines_of(document.find("stage-optimized"))[1].attributes["data-l"] == "1"
