"""Kernels of CUDA C run on a GPU by CuPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from irad.backends.cupy.emit import Program, emit_module
from irad.backends.cupy.function import Function

from irad.graph.nodes import Module

from .threads import Threads, joined

__all__ = ["OnDevice", "build", "loaded", "unavailable"]

FEW, MANY = (2, 3), (256, 128)  # blocks, and threads of each


def unavailable() -> str:
    """Why no kernel can run; nothing where one can."""
    try:
        import cupy
    except ImportError:
        return "CuPy is not installed"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as e:
        return f"there is no GPU: {e}"
    return "" if count else "there is no GPU"


def loaded(text: str) -> Any:
    """CUDA C as a module of the device's, compiled as NVRTC compiles it for the tests on the processor: nothing is contracted,
    so that arithmetic is exact. Not by CuPy's RawModule, which has subnormal numbers of single precision flushed to zero."""
    from cupy.cuda.compiler import compile_using_nvrtc
    from cupy.cuda.function import Module as Library

    image, _ = compile_using_nvrtc(text, options=("--fmad=false",))
    library = Library()
    library.load(image)
    return library


def build(modules: Sequence[Module], grid: tuple[int, int]) -> list[OnDevice]:
    """Lowered modules as functions whose kernels run on the device, in so many blocks of so many threads."""
    programs = [emit_module(m) for m in modules]
    library = loaded(joined(programs))
    return [OnDevice(m, p, k, library, grid) for k, (m, p) in enumerate(zip(modules, programs, strict=True))]


class OnDevice(Threads):
    def __init__(self, module: Module, program: Program, number: int, library: Any, grid: tuple[int, int]) -> None:
        super().__init__(module, program, number)
        self.library, self.grid = library, grid

    def new(self, value: np.ndarray) -> Any:
        import cupy

        return cupy.array(np.asarray(value), order="C")

    def read(self, memory: Any) -> np.ndarray:
        import cupy

        return cupy.asnumpy(memory)  # type: ignore[no-any-return]

    def launch(self, name: str, f: Function, args: list[Any]) -> None:
        blocks, threads = self.grid
        self.library.get_function(name)((blocks,), (threads,), tuple(args))
