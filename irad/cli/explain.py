"""`irad explain`: what irad knows of an operation, a pass, a rewrite rule, or a kind of error."""

from __future__ import annotations

import argparse
import ast
import difflib
import functools
import inspect
import os
import re
import textwrap
from pathlib import Path
from typing import Any

from rich.console import Console

import irad
from irad.cli.calls import explain_calls
from irad.cli.command import Commands, command
from irad.cli.output import add_json, console, print_json
from irad.cli.passes import EXPAND, PASSES
from irad.cli.target import UsageError, add_grad
from irad.errors import CompileError
from irad.explain import errors
from irad.optimize.passes import Pass
from irad.pipeline import LEAN, NATIVE, OPTIMIZE, each, optimize
from irad.primitives import REGISTRY, Missing, Primitive
from irad.transforms.expand import expand_transforms

__all__ = ["add", "explain", "run"]

FACETS = {
    "ref": "meaning",
    "partials": "local partial derivatives",
    "jvp": "forward mode",
    "vjp": "reverse mode",
    "llvm": "machine code",
    "cuda": "CUDA C",
    "source": "generated Python",
}
DERIVED = {"partials": "not needed", "jvp": "from the partial derivatives", "vjp": "from the partial derivatives"}
LINES = 14  # of a facet's source


def add(commands: Commands) -> None:
    p = command(
        commands,
        "explain",
        run,
        "explain an operation, a pass, a rule, an error, or why a call compiles",
        "Explains an operation of the IR, a pass, a rewrite rule, or a kind of error by its name.\n"
        "Without a name it lists them. Of a function it says which calls compile, and why.",
        (
            "irad explain exp                 its type, meaning, derivatives, rules, with file and line",
            "irad explain hoist               what the pass does, and where it runs",
            "irad explain shape-mismatch      why the error comes, and what to write instead",
            'irad explain docs/tour.py:growth --types "f64[10], float" --types "f64[11], float"',
        ),
    )
    p.add_argument("name", nargs="?", metavar="NAME | FILE:FUNCTION")
    p.add_argument("--types", action="append", metavar="TYPES", help="the types of the arguments of a call; one for each call")
    add_grad(p)
    add_json(p)


def run(a: argparse.Namespace) -> int:
    """Explain what the command names."""
    if a.types:
        return explain_calls(a.name or "", a.types, a.grad, json=a.json)
    if a.grad is not None:
        raise UsageError("--grad belongs to --types: the calls of a function")
    return explain(a.name, json=a.json)


def explain(name: str | None, *, json: bool = False) -> int:
    """Print what there is to say about a name."""
    out = console()
    if name is None:
        kinds = {kind: sorted(names) for kind, names in _known().items()}
        if json:
            print_json(kinds)
            return 0
        for kind, names in kinds.items():
            out.print(f"[bold]{kind}[/bold]")
            out.print(textwrap.fill(", ".join(names), 100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False))
        return 0
    plain = name.removeprefix("np.").removeprefix("math.").removeprefix("numpy.")
    found = {kind: names[plain] for kind, names in _known().items() if plain in names}
    if not found:
        every = [n for names in _known().values() for n in names]
        near = difflib.get_close_matches(plain, every, 3)
        raise UsageError(
            f"there is nothing called {name!r} to explain" + (f"; did you mean {', '.join(near)}?" if near else "")
        )
    said = {kind: make() for kind, make in found.items()}
    if json:
        print_json({"name": plain, **said})
        return 0
    for kind, facts in said.items():
        PRINTERS[kind](out, plain, facts)
    return 0


@functools.cache
def _known() -> dict[str, dict[str, Any]]:
    """What can be explained: kind -> name -> a function that says it."""
    rules = {r.name: r for p in REGISTRY.values() for r in p.rules}
    return {
        "operations": {name: functools.partial(_operation, p) for name, p in REGISTRY.items()},
        "passes": {name: functools.partial(_pass, name) for name in (EXPAND, *PASSES)},
        "rules": {name: functools.partial(_rule, r) for name, r in rules.items()},
        "errors": {name: functools.partial(_error, text) for name, text in errors().items()},
    }


# -- operations -----------------------------------------------------------------------------------------------------------


def _operation(p: Primitive) -> dict[str, Any]:
    facets = {}
    for facet in FACETS:
        value = getattr(p, facet)
        if facet == "cuda" and not p.elementwise:
            continue
        if facet in DERIVED and value is None and (p.partials is not None or facet == "partials"):
            continue
        facets[facet] = _facet(value)
    return {
        "doc": p.doc,
        "signature": p.signature or "given by a function of the argument types",
        "facts": list(p.statics),
        "order": p.order,
        "where": _where(p.where),
        "facets": facets,
        "derivative": _derivative(p),
        "rules": [f"{r.name}: {r.text}" + ("" if r.exact else "   (derivatives and fast_math only)") for r in p.rules],
    }


def _derivative(p: Primitive) -> str:
    """The optimized program of reverse mode of an operation on floats, as text; empty where there is none."""
    m = re.fullmatch(r"\[(\w+): (float|number|any)\] \(([^)]*)\) -> \1", p.signature)
    if m is None or any(part.strip() != m[1] for part in m[3].split(",")):
        return ""
    names = ["%x", "%y", "%z"][: m[3].count(",") + 1]
    params, given, wrt = ", ".join(f"{n}: float" for n in names), ", ".join(names), tuple(range(len(names)))
    kept, result = f"@f.res.{'.'.join(map(str, wrt))}", "(float,)" if len(wrt) == 1 else f"({', '.join(['float'] * len(wrt))})"
    text = f"""
    graph @derivative({params}, %ct: float) -> {result} {{
      %0: (float, {kept}) = vjp_forward(@f, {given}, wrt={wrt});
      %1: {kept} = getitem(%0, index=1);
      %2: {result} = vjp_backward(@f, %1, %ct, wrt={wrt});
      return %2;
    }}
    graph @f({params.replace(": ", "0: ")}) -> float {{
      %out: float = {p.name}({given.replace(",", "0,")}0);
      return %out;
    }}
    """
    try:
        return str(optimize(irad.parse_ir(text)))
    except CompileError:
        return ""


def _facet(value: Any) -> dict[str, str]:
    if value is None:
        return {"missing": "there is none"}
    if isinstance(value, Missing):
        return {"missing": value.reason}
    if isinstance(value, str):
        return {"text": value}
    code = getattr(value, "__code__", None)
    if code is None:
        return {"text": _dotted(value)}
    return {"where": _where(f"{code.co_filename}:{code.co_firstlineno}"), "text": _source(code)}


def _dotted(value: Any) -> str:
    module = {"numpy": "np"}.get(getattr(value, "__module__", None) or type(value).__module__, "")
    return f"{module or 'np'}.{value.__name__}" if hasattr(value, "__name__") else repr(value)


def _where(place: str) -> str:
    """file:line, from the folder of the package on."""
    file, _, line = place.rpartition(":")
    root = Path(irad.__file__).resolve().parent.parent
    try:
        file = str(Path(file).resolve().relative_to(root))
    except ValueError:
        file = os.path.basename(file)
    return f"{file}:{line}"


def _source(code: Any) -> str:
    """The text of a function or lambda."""
    try:
        text = Path(code.co_filename).read_text(encoding="utf-8")
    except OSError:
        return ""
    names = code.co_varnames[: code.co_argcount]
    for node in ast.walk(_tree(text)):
        if not isinstance(node, (ast.Lambda, ast.FunctionDef)):
            continue
        first = node.decorator_list[0].lineno if isinstance(node, ast.FunctionDef) and node.decorator_list else node.lineno
        if first == code.co_firstlineno and tuple(p.arg for p in (*node.args.posonlyargs, *node.args.args)) == names:
            line = text.splitlines()[node.lineno - 1]  # what stands before a lambda counts as indentation, for its other lines
            pad = " " * (len(line) - len(line.lstrip()))
            lines = textwrap.dedent(pad + (ast.get_source_segment(text, node) or "")).splitlines()
            return "\n".join([*lines[:LINES], "..."] if len(lines) > LINES else lines)
    return ""


@functools.lru_cache(8)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def _print_operation(console: Console, name: str, facts: dict[str, Any]) -> None:
    facts_text = f"; facts: {', '.join(facts['facts'])}" if facts["facts"] else ""
    console.print(f"[bold]{name}[/bold]  operation, {facts['where']}", highlight=False)
    console.print(f"  {facts['doc']}", markup=False, highlight=False)
    console.print(f"  type       {facts['signature']}{facts_text}", markup=False, highlight=False)
    console.print(f"  order      {facts['order']}: {ORDERS.get(facts['order'], '')}", highlight=False)
    for facet, what in facts["facets"].items():
        console.print(f"  {FACETS[facet]}" + (f"  {what['where']}" if "where" in what else ""), highlight=False)
        if "missing" in what:
            console.print(f"    none: {what['missing']}", markup=False, highlight=False)
        else:
            console.print(_python(textwrap.indent(what["text"], "    ")))
    if "partials" in facts["facets"] and "vjp" not in facts["facets"]:
        console.print("  forward and reverse mode follow from the partial derivatives", highlight=False)
    if facts["derivative"]:
        console.print("  reverse mode as a program, ct the cotangent of the result")
        console.print(textwrap.indent(facts["derivative"], "    "), markup=False, highlight=False, end="")
    if facts["rules"]:
        console.print("  rules")
        for r in facts["rules"]:
            console.print(textwrap.indent(r, "    "), markup=False, highlight=False)


ORDERS = {
    "total": "moves freely",
    "checked": "may raise: shared, or dropped where unused, never moved over a branch",
    "effect": "stays where it is, once",
    "context": "moves freely; its type needs the module's declarations",
}


def _python(text: str) -> Any:
    from rich.syntax import Syntax

    return Syntax(text, "python", theme="ansi_dark", background_color="default")


# -- passes, rules, errors ------------------------------------------------------------------------------------------------


def _pass(name: str) -> dict[str, Any]:
    step: Any = expand_transforms if name == EXPAND else PASSES[name].run
    places = {"before each derivative": LEAN, "the optimizer": OPTIMIZE, "what native code is made of": tuple(each(NATIVE))}
    runs = [f"{what}: {_marked(passes, name)}" for what, passes in places.items() if any(p.name == name for p in passes)]
    return {
        "doc": inspect.getdoc(step) or "",
        "where": _where(f"{step.__code__.co_filename}:{step.__code__.co_firstlineno}"),
        "runs": runs or ["between typed and adjoint, once for each derivative, innermost first"],
    }


def _marked(passes: tuple[Pass, ...], name: str) -> str:
    return " ".join(f"[{p.name}]" if p.name == name else p.name for p in passes)


def _print_pass(console: Console, name: str, facts: dict[str, Any]) -> None:
    console.print(f"[bold]{name}[/bold]  pass, {facts['where']}", highlight=False)
    console.print(textwrap.indent(facts["doc"], "  "), markup=False, highlight=False)
    for line in facts["runs"]:
        console.print(f"  runs in {line}" if ":" in line else f"  runs {line}", markup=False, highlight=False)
    console.print(f"  irad ir FILE:FUNCTION --types TYPES --print-after {name}", markup=False, highlight=False)


def _rule(r: Any) -> dict[str, Any]:
    return {"text": r.text, "head": r.head, "exact": r.exact}


def _print_rule(console: Console, name: str, facts: dict[str, Any]) -> None:
    console.print(f"[bold]{name}[/bold]  rewrite rule of `{facts['head']}`", highlight=False)
    console.print(textwrap.indent(facts["text"], "  "), markup=False, highlight=False)
    kind = (
        "keeps every bit: always applied"
        if facts["exact"]
        else "may change last bits or lose a nan: for derivatives and fast_math"
    )
    console.print(f"  {kind}", highlight=False)


def _error(text: str) -> dict[str, Any]:
    return {"text": text}


def _print_error(console: Console, name: str, facts: dict[str, Any]) -> None:
    from rich.markdown import Markdown  # takes a while to import

    console.print(f"[bold]error[{name}][/bold]".replace(f"[{name}]", f"\\[{name}]"))
    prose, *rest = re.split(r"^```python\n(.*?)^```$", facts["text"], flags=re.MULTILINE | re.DOTALL)
    console.print(Markdown(prose))
    for code, prose in zip(rest[::2], rest[1::2], strict=True):
        console.print("", _python(textwrap.indent(code, "    ").rstrip("\n")), sep="\n")
        if prose.strip():
            console.print(Markdown(prose))


PRINTERS = {"operations": _print_operation, "passes": _print_pass, "rules": _print_rule, "errors": _print_error}
