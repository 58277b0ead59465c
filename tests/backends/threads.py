"""Kernels of CUDA C in place of what they compute: everything else of a module is interpreted.

`Threads` gives kernels their arguments, whoever runs them. Here that is the processor, a thread after the other: the same text,
compiled by g++ behind a few definitions. device.py has a GPU.
"""

from __future__ import annotations

import ctypes
import math
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from irad.backends.cupy.emit import Program, emit_module
from irad.backends.cupy.function import Function
from irad.backends.cupy.scalar import scalar_of
from irad.backends.interpreter import run as interpreter

from irad.graph.nodes import Apply, Module, Node
from irad.graph.walk import Task, run
from irad.types import Array, Dim

__all__ = ["Threads", "build", "joined"]

DTYPES: dict[str, Any] = {
    "double": np.float64,
    "float": np.float32,
    "long long": np.int64,
    "int": np.int32,
    "bool": np.bool_,
}


def joined(programs: Sequence[Program]) -> str:
    """The texts of programs as one, each in a namespace of its own; function f of program k is `pk_f`."""
    head = 'extern "C" __global__ void '
    texts = (p.text.replace(head, f"{head}p{k}_") for k, p in enumerate(programs))
    return "\n".join(f"namespace p{k} {{\n{text}}}" for k, text in enumerate(texts))


class Threads:
    """A lowered module whose kernels run as threads. `error` is what they noted in the last call."""

    def __init__(self, module: Module, program: Program, number: int) -> None:
        self.module, self.program, self.number, self.error = module, program, number, 0
        self.sizes: dict[str, int] = {}

    def new(self, value: np.ndarray) -> Any:
        """Memory of the kernels' with a copy of an array."""
        raise NotImplementedError

    def read(self, memory: Any) -> np.ndarray:
        raise NotImplementedError

    def launch(self, name: str, f: Function, args: list[Any]) -> None:
        """Run a function, whose name in the joined text is `name`, on memory and NumPy's numbers."""
        raise NotImplementedError

    def __call__(self, *args: Any) -> Any:
        self.error = 0
        for p, a in zip(self.module.entry.params, args, strict=True):
            if isinstance(p.type, Array):
                for d, n in zip(p.type.shape, np.shape(a), strict=True):
                    if isinstance(d, Dim) and len(d.terms) == 1 and len(d.terms[0][0]) == 1:
                        self.sizes[str(d)] = n
        with np.errstate(all="ignore"):
            return run(_Interpreter(self).graph(self.module.entry, args, None))

    def size(self, d: int | Dim) -> int:
        return d if isinstance(d, int) else sum(c * math.prod(self.sizes[s] for s in k) for k, c in d.terms)

    def kernel(self, node: Apply, values: Any) -> Any:
        """The value of what kernels compute. Arrays of theirs begin with what no kernel may leave there."""
        memory: dict[Node, Any] = {}
        if node.fn.name == "for_loop":
            outputs: Sequence[Node] = node.graphs[0].params[1:]
            memory.update({p: self.new(values[begin]) for p, begin in zip(outputs, node.args[1:], strict=True)})
        else:
            output: Any = node.graphs[0].output
            outputs = output.args if output.fn.name == "make_tuple" else (output,)
        error = self.new(np.zeros((), np.int32))
        for f in self.program.kernels[node]:
            args: list[Any] = []
            for p in f.params:
                if p.name == "error":
                    args.append(error)
                elif isinstance(p.value, str):
                    args.append(np.int64(self.sizes[p.value]))
                elif p.ctype.endswith("*"):
                    assert p.value is not None
                    if p.value not in memory:
                        memory[p.value] = self.new(values[p.value] if p.ctype.startswith("const") else self.full(p.value))
                    args.append(memory[p.value])
                else:
                    args.append(DTYPES[p.ctype](values[p.value]))
            self.launch(f"p{self.number}_{f.name}", f, args)
        self.error = self.error or int(self.read(error))
        found = [self.read(memory[v])[()] for v in outputs]
        return found[0] if len(found) == 1 else tuple(found)

    def full(self, node: Node) -> np.ndarray:
        return np.full([self.size(d) for d in getattr(node.type, "shape", ())], 77, scalar_of(node).dtype)


class _Interpreter(interpreter._Interpreter):
    """What is not a kernel is interpreted."""

    def __init__(self, threads: Threads) -> None:
        super().__init__(threads.module, None)
        self.threads = threads

    def control(self, node: Apply, xs: list[Any], frame: Any) -> Task:
        if node in self.threads.program.kernels:
            return self.threads.kernel(node, frame)
        return (yield from super().control(node, xs, frame))


# -- on the processor -----------------------------------------------------------------------------------------------------

SHIM = r"""
#include <math.h>
#include <string.h>
#define __global__
#define __device__ static
struct Index { unsigned x; };
static Index threadIdx, blockIdx, blockDim, gridDim;
template <class T> static T atomicAdd(T *at, T v) { T old = *at; *at = old + v; return old; }
template <class T> static T atomicCAS(T *at, T seen, T v) { T old = *at; if (old == seen) *at = v; return old; }
template <class To, class From> static To bits(From x) { To y; memcpy(&y, &x, sizeof y); return y; }
static double __longlong_as_double(long long x) { return bits<double>(x); }
static long long __double_as_longlong(double x) { return bits<long long>(x); }
static float __int_as_float(int x) { return bits<float>(x); }
static int __float_as_int(float x) { return bits<int>(x); }
"""
BLOCKS, THREADS = 2, 3  # few, so that threads have several indices each
C = {np.float64: ctypes.c_double, np.float32: ctypes.c_float, np.int64: ctypes.c_longlong, np.int32: ctypes.c_int}


class OnProcessor(Threads):
    """Run one after the other, or from the last to the first."""

    backwards = False

    def __init__(self, module: Module, program: Program, number: int, library: Any) -> None:
        super().__init__(module, program, number)
        self.library = library

    def new(self, value: np.ndarray) -> np.ndarray:
        return np.array(value, order="C")

    def read(self, memory: np.ndarray) -> np.ndarray:
        return memory

    def launch(self, name: str, f: Function, args: list[Any]) -> None:
        arrays = [ctypes.c_void_p(a.ctypes.data) if isinstance(a, np.ndarray) else _number(a) for a in args]
        getattr(self.library, f"run_{name}")(ctypes.c_bool(self.backwards), *arrays)


def _number(x: Any) -> Any:
    return C.get(type(x), ctypes.c_bool)(x)


def _launcher(k: int, f: Function) -> str:
    params = "".join(f", {p.ctype} {p.name}" for p in f.params)
    return f"""extern "C" void run_p{k}_{f.name}(bool backwards{params}) {{
  gridDim.x = {BLOCKS}; blockDim.x = {THREADS};
  for (unsigned k = 0; k < {BLOCKS * THREADS}; ++k) {{
    unsigned t = backwards ? {BLOCKS * THREADS} - 1 - k : k;
    blockIdx.x = t / {THREADS}; threadIdx.x = t % {THREADS};
    p{k}::p{k}_{f.name}({", ".join(p.name for p in f.params)});
  }}
}}"""


def build(modules: Sequence[Module], folder: Path) -> tuple[list[OnProcessor], str]:
    """Lowered modules as functions whose kernels run on the processor, and the CUDA C of all of them."""
    programs = [emit_module(m) for m in modules]
    text, source, library = joined(programs), folder / "kernels.cpp", folder / "kernels.so"
    launchers = [_launcher(k, f) for k, p in enumerate(programs) for fs in p.kernels.values() for f in fs]
    source.write_text("\n".join([SHIM, text, *launchers]))
    command = ["g++", "-O0", "-ffp-contract=off", "-fwrapv", "-w", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    loaded = ctypes.CDLL(str(library))
    return [OnProcessor(m, p, k, loaded) for k, (m, p) in enumerate(zip(modules, programs, strict=True))], text
