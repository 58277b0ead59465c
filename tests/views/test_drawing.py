"""Graphs drawn: valid SVG, nothing overlaps, everything of the program is there, bounded in size."""

import re
import xml.etree.ElementTree as ET
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import irad
from irad.__main__ import main
from irad.graph.walk import all_graphs
from irad.pipeline import native
from irad.report.layout import Edge, layered
from irad.report.scene import MOST, SEEN_THROUGH
from irad.report.svg import draw
from tests.generator.draw import generate
from tests.generator.program import load
from tests.graph.programs import GRADIENTS, PROGRAMS, fresh, nested_text, shallow_stack

SVG = "{http://www.w3.org/2000/svg}"
BOTH = [*PROGRAMS, *GRADIENTS]
WIDEST = 0.61 * 11  # of a monospaced character at 11 px


class Placed:
    """The rectangles and texts of a drawing, with absolute places; `inside[r]` are the rectangles around r."""

    def __init__(self, text):
        self.root = ET.fromstring(text)
        assert self.root.tag == f"{SVG}svg"
        self.size = float(self.root.get("width")), float(self.root.get("height"))
        self.boxes, self.texts, self.tips = [], [], []
        todo = [(self.root, 0.0, 0.0, ())]
        while todo:
            e, x, y, around = todo.pop()
            if (t := e.get("transform")) is not None:
                dx, dy = map(float, re.fullmatch(r"translate\((\S+) (\S+)\)", t).groups())
                x, y = x + dx, y + dy
            own = [c for c in e if c.tag == f"{SVG}rect" and c.get("class") != "tab"]
            assert len(own) <= 1
            for r in own:
                box = (x, y, x + float(r.get("width")), y + float(r.get("height")))
                self.boxes.append((box, around, e.get("class")))
                around = (*around, box)
            for c in e:
                if c.tag == f"{SVG}text":
                    left, base = x + float(c.get("x")), y + float(c.get("y"))
                    self.texts.append((c.text, (left, base - 9, left + WIDEST * len(c.text), base + 3), around))
                if c.tag == f"{SVG}title" and e is not self.root:
                    self.tips.append(c.text)
            todo += [(c, x, y, around) for c in reversed(e) if c.tag == f"{SVG}g"]


def apart(a, b):
    return a[2] <= b[0] + 0.2 or b[2] <= a[0] + 0.2 or a[3] <= b[1] + 0.2 or b[3] <= a[1] + 0.2


def holds(outer, inner):
    return (
        outer[0] <= inner[0] + 0.2 and outer[1] <= inner[1] + 0.2 and inner[2] <= outer[2] + 0.2 and inner[3] <= outer[3] + 0.2
    )


@pytest.mark.parametrize("stage", ["typed", "optimized"])
@pytest.mark.parametrize("program", BOTH, ids=lambda p: p.name)
def test_drawings_of_programs(program, stage):
    module = fresh(program, stage)
    text = draw(module)
    assert draw(module) == text
    drawing = Placed(text)
    nodes = [n for g in all_graphs(module) for n in g.body if n.fn.name not in SEEN_THROUGH]
    assert sum(k in ("operation", "derivative", "effect", "control") for _, _, k in drawing.boxes) == len(nodes)
    tips = Counter(t.splitlines()[0] for t in drawing.tips)
    for line in str(module).splitlines():
        operation = line.partition("#")[0].strip()
        if operation.startswith("%") and not re.search(r"[=~] (make_|getitem)", operation):
            assert tips[operation] == 1, operation
    check_places(drawing)


@pytest.mark.parametrize("seed", range(8))
def test_generated_programs(seed):
    """Drawn without overlaps; the stage lowered is text that is read; machine code cites nothing but their lines."""
    optimized, lowered, asm = views_of_accepted(seed)
    check_places(Placed(optimized._repr_svg_()))
    assert str(irad.parse_ir(str(lowered))) == str(irad.parse_ir(str(native(optimized.module))))
    cited = {s.line for s in asm.spans if s}
    assert cited
    assert cited <= {n.span.line for g in all_graphs(optimized.module) for n in (g, *g.body) if n.span}


def views_of_accepted(seed):
    """Of the gradient of the first program, drawn from this seed on, that irad accepts and that has operations."""
    for s in range(seed, seed + 1000, 100):
        program = generate(s)
        f = irad.grad(load(program.source), argnums=program.floats)
        try:
            found = [irad.ir(f, *program.args, stage=stage) for stage in ("optimized", "lowered", "asm")]
        except irad.CompileError:
            continue  # another: refusals have tests of their own
        if found[0].operations:
            return found
    raise AssertionError("ten programs without a gradient to look at")


def check_places(drawing):
    page = (0, 0, *drawing.size)
    for box, around, _ in drawing.boxes:
        assert all(holds(outer, box) for outer in (page, *around))
    for _, box, around in drawing.texts:
        assert all(holds(outer, box) for outer in (page, *around[-1:]))
    groups = {}
    for box, around, _ in drawing.boxes:
        groups.setdefault(around, []).append(box)
    for boxes in groups.values():
        boxes.sort()
        for i, a in enumerate(boxes):
            for b in boxes[i + 1 :]:
                if b[0] >= a[2]:
                    break
                assert apart(a, b), (a, b)
    texts = sorted(t[1] for t in drawing.texts)
    for i, a in enumerate(texts):
        for b in texts[i + 1 :]:
            if b[0] >= a[2]:
                break
            assert apart(a, b), (a, b)


@st.composite
def layouts(draw_):
    n = draw_(st.integers(1, 25))
    sizes = draw_(st.lists(st.tuples(st.floats(5, 300), st.floats(5, 90)), min_size=n, max_size=n))
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.sampled_from([0.25, 0.5]), st.sampled_from([0.3, 0.7]))
    edges = [Edge(a, p, b, q) for a, b, p, q in draw_(st.lists(pairs, max_size=60)) if a < b]
    return sizes, list(dict.fromkeys(edges)), draw_(st.integers(0, n))


@given(layouts())
def test_layouts(case):
    sizes, edges, first = case
    edges = [e for e in edges if e.end >= first]
    place = layered(sizes, edges, first)
    boxes = [(x, y, x + w, y + h) for (x, y), (w, h) in zip(place.corners, sizes, strict=True)]
    for i, a in enumerate(boxes):
        assert holds((0, 0, place.width, place.height), a)
        for b in boxes[i + 1 :]:
            assert apart(a, b)
    for e in edges:
        assert boxes[e.start][3] < boxes[e.end][1], "an edge goes up"
        way = place.ways[e.start, e.out]
        x, y = boxes[e.end][0] + e.into * sizes[e.end][0], boxes[e.end][1]
        ends = [tuple(map(float, p.split()[-2:])) for p in re.split("[LCVM]", way) if len(p.split()) >= 2]
        assert any(abs(a - x) < 0.11 and abs(b - y) < 0.11 for a, b in ends), "an edge ends elsewhere"


def test_names_are_escaped():
    """Names of a function and strings of a program may hold whatever they like."""
    record = '<&">' + "é漢"

    def f(x):
        if x > 0.0:
            raise ValueError('</script><b> & "quoted" ]]>')
        return {record: x}

    f.__name__ = "<b>&"
    view = irad.ir(f, 1.0)
    for text in (view._repr_svg_(), f"<html>{view._repr_html_()}</html>"):
        assert "<b>" not in text
        root = ET.fromstring(text.replace("<details open>", "<details>"))
        assert any("</script><b>" in (e.text or "") for e in root.iter())
    check_places(Placed(view._repr_svg_()))


@pytest.mark.parametrize(("constant", "shown"), [("f64(2.0)", "2.0"), ("undef(f64)", "undef(f64)"), ("f64(nan)", "nan")])
def test_constants_have_no_type_of_their_own(constant, shown):
    text = draw(irad.parse_ir(f"graph @f() -> f64 {{\n  return {constant};\n}}\n"))
    assert f">return {shown}<" in text


def chain(n):
    lines = ["graph @f(%x: float, %y: float) -> float {", "  %v0: float = add(%x, %y);"]
    lines += [f"  %v{i}: float = {'mul' if i % 3 else 'sub'}(%v{i - 1}, %{'xy'[i % 2]});" for i in range(1, n)]
    return irad.parse_ir("\n".join([*lines, f"  return %v{n - 1};", "}"]))


def test_a_large_program_is_drawn_in_pieces():
    text = draw(chain(5 * MOST))
    drawing = Placed(text)
    assert len(drawing.boxes) < MOST
    assert f"0 of {5 * MOST} operations are drawn one by one" in text
    shown = [int(t.split()[0]) for t, _, _ in drawing.texts if re.match(r"\d+ operations?:", t)]
    assert sum(shown) == 5 * MOST
    check_places(drawing)


def test_deep_nesting():
    """Neither recursion on the nesting, nor a picture that nobody can read."""
    with shallow_stack():
        drawing = Placed(draw(irad.parse_ir(nested_text(40))))
    assert len(drawing.boxes) < 80
    check_places(drawing)


def test_colours_suit_light_and_dark_ground():
    """Text stands on boxes of its own; lines and notes have contrast 2.5 to white and to the black of dark pages."""

    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    def contrast(a, b):
        a, b = sorted((light(a), light(b)))
        return (b + 0.05) / (a + 0.05)

    style = ET.fromstring(draw(chain(3))).find(f"{SVG}style").text
    (ink,) = re.findall(r"text\{[^}]*fill:(#\w{6})", style)
    for fill in re.findall(r"rect[^{]*\{fill:(#\w{6})", style):
        assert contrast(ink, fill) > 7 or "fill-opacity:.07" in style
    for line in re.findall(r"path[^{]*\{[^}]*stroke:(#\w{6})", style) + re.findall(r"note\{fill:(#\w{6})", style):
        assert min(contrast(line, "#ffffff"), contrast(line, "#16181c")) > 2.5


def test_what_a_notebook_shows():
    def f(x):
        return x * x

    for stage in ("python", "typed", "optimized", "llvm"):
        view = irad.ir(f, 2.0, stage=stage)
        page = ET.fromstring(view._repr_html_().replace("<details open>", "<details>"))
        (pre,) = page.iter("pre")
        assert "".join(pre.itertext()) + "\n" == str(view)
        assert len(list(page.iter(f"{SVG}svg"))) == (stage != "python")
        assert (view._repr_svg_() is None) == (stage == "python")


def test_svg_on_the_command_line(capsys, tmp_path):
    command = ["ir", "docs/tour.py:grow", "--types", "float, float, int", "--grad", "--svg", str(tmp_path / "grow.svg")]
    assert main(command) == 0
    assert capsys.readouterr().out == ""
    first = (tmp_path / "grow.svg").read_text()
    assert re.search(r"\bx_1 = ", first) is None
    Placed(first)
    assert main([*command, "--stage", "typed"]) == 0
    assert (tmp_path / "grow.svg").read_text() != first
    assert main([*command, "--stage", "python"]) == 2
    assert main([*command[:-1], str(tmp_path / "nowhere" / "grow.svg")]) == 2
