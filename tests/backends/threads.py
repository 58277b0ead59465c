"""Kernels of CUDA C run on the processor, a thread after the other: the same text, compiled by g++ behind a few definitions.

A module's kernels are run in place of the graphs that `fused` holds; everything else is interpreted.
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
from irad.backends.cupy.kernel import Function
from irad.backends.cupy.scalar import scalar_of
from irad.backends.interpreter import run as interpreter

from irad.graph.nodes import Apply, Module, Node
from irad.graph.walk import Task, run
from irad.types import Array, Dim

__all__ = ["Threads", "build"]

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
C = {
    "double": ctypes.c_double,
    "float": ctypes.c_float,
    "long long": ctypes.c_longlong,
    "int": ctypes.c_int,
    "bool": ctypes.c_bool,
}


def joined(programs: Sequence[Program]) -> str:
    """The texts of programs as one, each in a namespace of its own."""
    texts = (p.text.replace('extern "C" __global__', "__global__") for p in programs)
    return "\n".join(f"namespace p{k} {{\n{text}}}" for k, text in enumerate(texts))


def _launcher(k: int, f: Function) -> str:
    params = ", ".join(f"{p.ctype} {p.name}" for p in f.params)
    return f"""extern "C" void p{k}_{f.name}({params}) {{
  gridDim.x = {BLOCKS}; blockDim.x = {THREADS};
  for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
    for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) p{k}::{f.name}({", ".join(p.name for p in f.params)});
}}"""


def build(modules: Sequence[Module], folder: Path) -> tuple[list[Threads], str]:
    """Lowered modules as functions whose kernels run on the processor, and the CUDA C of all of them."""
    programs = [emit_module(m) for m in modules]
    text, source, library = joined(programs), folder / "kernels.cpp", folder / "kernels.so"
    launchers = [_launcher(k, f) for k, p in enumerate(programs) for fs in p.kernels.values() for f in fs]
    source.write_text("\n".join([SHIM, text, *launchers]))
    command = ["g++", "-O0", "-ffp-contract=off", "-fwrapv", "-w", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    loaded = ctypes.CDLL(str(library))
    return [Threads(m, p, loaded, k) for k, (m, p) in enumerate(zip(modules, programs, strict=True))], text


class Threads:
    """A lowered module, its kernels run by `library`. `error` is what they noted in the last call."""

    def __init__(self, module: Module, program: Program, library: Any, number: int) -> None:
        self.module, self.program, self.library, self.number, self.error = module, program, library, number, 0
        self.sizes: dict[str, int] = {}

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

    def fused(self, node: Apply, values: Any) -> Any:
        """Arrays begin with what no kernel may leave there."""
        error, memory = ctypes.c_int(0), {}
        for f in self.program.kernels[node]:
            args: list[Any] = []
            for p in f.params:
                if p.name == "error":
                    args.append(ctypes.byref(error))
                elif isinstance(p.value, str):
                    args.append(ctypes.c_longlong(self.sizes[p.value]))
                elif p.ctype.endswith("*"):
                    assert isinstance(p.value, Node)
                    if p.value not in memory:
                        if p.ctype.startswith("const"):
                            memory[p.value] = np.ascontiguousarray(values[p.value])
                        else:
                            shape = [self.size(d) for d in getattr(p.value.type, "shape", ())]
                            memory[p.value] = np.full(shape, 77, scalar_of(p.value).dtype)
                    args.append(ctypes.c_void_p(memory[p.value].ctypes.data))
                else:
                    assert isinstance(p.value, Node)
                    args.append(C[p.ctype](values[p.value]))
            getattr(self.library, f"p{self.number}_{f.name}")(*args)
        self.error = self.error or error.value
        output: Any = node.graphs[0].output
        if output.fn.name != "make_tuple":
            return memory[output][()]
        return tuple(memory[v][()] for v in output.args)


class _Interpreter(interpreter._Interpreter):
    """What is not a kernel is interpreted."""

    def __init__(self, threads: Threads) -> None:
        super().__init__(threads.module, None)
        self.threads = threads

    def control(self, node: Apply, xs: list[Any], frame: Any) -> Task:
        if node.fn.name == "fused":
            return self.threads.fused(node, frame)
        return (yield from super().control(node, xs, frame))
