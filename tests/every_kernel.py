"""Every kernel that a test makes, of fused operations or of a loop, as CUDA C: at the end of the session NVRTC compiles them
for all architectures.

A kernel is printed where the last pass, which fuses, gives the first of its form; of texts that differ in names and small
numbers only, one is compiled. The processes of a session, forked ones and the fuzzer's workers too, write what they find into
one folder; programs that tests start (`python -m irad`, scripts) do not.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from irad.backends.cupy.emit import emit
from irad.backends.cupy.nvrtc import available, ptx
from irad.backends.cupy.scalar import ScalarOps

from irad import pipeline
from irad.errors import CompileError
from irad.graph.nodes import Apply, Constant, Graph, Module, Node
from irad.graph.text import printed
from irad.graph.walk import all_graphs
from irad.optimize.passes import fuse

__all__ = ["ARCHITECTURES", "Found", "LastTests", "collect", "failures", "form", "kind_of"]

ARCHITECTURES = ("sm_80", "sm_90")
FOLDER = "IRAD_TEST_KERNELS"  # where the processes of a session write kernels
TOGETHER = 200  # kernels that are compiled as one text
QUICK = ["--Ofast-compile=max"]  # five times as fast: what is asked is whether it compiles


class Found(NamedTuple):
    """The text of a `__global__` function, the device functions of its kernel, and the test that made it; without a text,
    which operation has no CUDA C, and why."""

    test: str
    text: str
    helpers: list[str]
    missing: str = ""


# -- collecting -----------------------------------------------------------------------------------------------------------


def form(graph: Graph) -> int:
    """Equal for graphs of the same operations on the same types."""
    number: dict[Node, int] = {}

    def of(node: Node) -> Any:
        if isinstance(node, Constant):
            return node.type, repr(node.value)
        return number.setdefault(node, len(number)), node.type

    parts = [(n.fn.name, n.static, *map(of, n.args), of(n)) for n in graph.body]
    return hash((*parts, of(graph.output)))


def kind_of(text: str) -> str:
    """A text without what makes no difference to a compiler: which names, and which small numbers."""
    names: dict[str, str] = {}
    text = re.sub(r"\b(in|out|tmp|v|sum|n)_\w+", lambda m: names.setdefault(m[0], f"{m[1]}{len(names)}"), text)
    text = re.sub(r"void \w+\(", "void kernel(", text)
    return re.sub(r"\b\d{1,9}(\.\d+)?(e[-+]?\d+)?(?=f?\b)", "0", text)


class Collector:
    """Stands in the place of the pass that fuses."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.forms, self.kinds = folder, set[int](), set[str]()

    def __call__(self, module: Module) -> Module:
        out = fuse.run(module)
        nodes = [n for graph in all_graphs(out) for n in graph.body if n.fn.name in ("fused", "for_loop")]
        trips = [n.args[0].value if n.args and isinstance(n.args[0], Constant) else None for n in nodes]
        keys = [hash((form(n.graphs[0]), count)) for n, count in zip(nodes, trips, strict=True)]
        new = {key: n for key, n in zip(keys, nodes, strict=True) if key not in self.forms}
        if new:
            self.forms.update(new)
            self.write(list(new.values()), printed(out)[1])
        return out

    def write(self, kernels: Sequence[Apply], names: dict[Node, str]) -> None:
        test = os.environ.get("PYTEST_CURRENT_TEST", "what is run when tests are imported").split(" (")[0]
        lines = []
        for n in kernels:
            e = ScalarOps()
            try:
                functions = emit(e, n, "kernel", names)
            except CompileError as error:
                lines.append(json.dumps(Found(test, "", [], error.diagnostic.message)) + "\n")
                continue
            for f in functions:
                text = "\n".join(line for line, _ in f.lines()[1:])
                if (kind := kind_of(text)) not in self.kinds:
                    self.kinds.add(kind)
                    lines.append(json.dumps(Found(test, text, list(e.functions.values()))) + "\n")
        with (self.folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(lines)


def collect() -> None:
    """From now on, the kernels that this process makes are written to the session's folder, if it has one."""
    if FOLDER in os.environ:
        collector = Collector(Path(os.environ[FOLDER]))

        @functools.wraps(fuse.run)
        def run(module: Module) -> Module:
            return collector(module)

        collecting = dataclasses.replace(fuse, run=run)
        pipeline.NATIVE = tuple((collecting,) if group == (fuse,) else group for group in pipeline.NATIVE)


# -- compiling ------------------------------------------------------------------------------------------------------------


def found(folder: Path) -> list[Found]:
    """What all processes have written, one of each kind of text."""
    lines = (line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines())
    kernels = [Found(*json.loads(line)) for line in lines]
    return list({kind_of(k.text) or k.missing: k for k in kernels}.values())


def together(kernels: Sequence[Found]) -> str:
    """One text, each kernel in a namespace of its own."""
    helpers = dict.fromkeys(h for k in kernels for h in k.helpers)
    texts = (k.text.replace('extern "C" __global__', "__global__") for k in kernels)
    return "\n".join([*helpers, *(f"namespace p{i} {{\n{text}\n}}" for i, text in enumerate(texts))])


def refused(kernels: Sequence[Found], architecture: str) -> Iterator[tuple[Found, str]]:
    """The kernels that NVRTC does not compile, with its log."""
    try:
        entries = ptx(together(kernels), architecture, QUICK).count(b".entry")
        assert entries == len(kernels), f"{entries} of {len(kernels)} kernels are there"
    except CompileError as e:
        if len(kernels) == 1:
            yield kernels[0], str(e)
        else:
            half = len(kernels) // 2
            yield from refused(kernels[:half], architecture)
            yield from refused(kernels[half:], architecture)


def failures(kernels: Sequence[Found], architecture: str) -> list[str]:
    """What to tell of each kernel that is refused. NVRTC runs without Python's lock."""
    parts = [kernels[i : i + TOGETHER] for i in range(0, len(kernels), TOGETHER)]
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        each = pool.map(lambda part: list(refused(part, architecture)), parts)
        return [f"made by {k.test}:\n{log}\n{k.text}\n" for part in each for k, log in part]


class LastTests:
    """A plugin of the process that reports: a test for each architecture, when all others have run."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="irad-kernels-"))
        os.environ[FOLDER] = str(self.folder)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        kernels = [k for k in found(self.folder) if k.text]
        for architecture in ARCHITECTURES:
            place = ("tests/every_kernel.py", None, f"every_kernel_compiles[{architecture}]")
            reason = available()
            told = [] if reason else failures(kernels, architecture)
            session.config.hook.pytest_runtest_logreport(
                report=pytest.TestReport(
                    nodeid=f"{place[0]}::{place[2]}",
                    location=place,
                    keywords={},
                    outcome="skipped" if reason else "failed" if told else "passed",
                    longrepr=(place[0], 1, reason) if reason else "\n".join(told) or None,
                    when="call",
                )
            )
            if told:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        kernels = found(self.folder)
        missing = [k.missing for k in kernels if k.missing]
        terminalreporter.write_line(f"{len(kernels) - len(missing)} kinds of kernels for {' and '.join(ARCHITECTURES)}")
        for text in missing:
            terminalreporter.write_line(f"no kernel: {text}")

    def pytest_unconfigure(self) -> None:
        del os.environ[FOLDER]
        shutil.rmtree(self.folder)
