"""LLVM text to machine code in this process, by llvmlite's LLJIT. No IR pass runs: the text is lean as it is.

One LLJIT a program, closed with it, so that nothing is left behind. Text is verified before code generation: an error
that slipped through would end the process.
"""
from __future__ import annotations

import functools
import threading
from typing import Any

from irad.errors import InternalError

__all__ = ["Code", "assembly", "compile_text"]

_lock = threading.RLock()


@functools.cache
def _target() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


@functools.cache
def _machine(level: int) -> Any:
    import llvmlite.binding as llvm

    return _target().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=level, reloc="pic", codemodel="small", jit=True)


class Code:
    """Machine code, alive as long as this object: `address(name)` of its exported functions."""

    def __init__(self, jit: Any, tracker: Any) -> None:
        self._jit, self._tracker = jit, tracker

    def address(self, name: str) -> int:
        return int(self._tracker[name])


def _parsed(text: str) -> Any:
    import llvmlite.binding as llvm

    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as e:
        raise InternalError(f"irad emitted LLVM text that LLVM refuses: {e}") from None
    return module


def compile_text(text: str, exports: list[str], symbols: dict[str, int] | None = None, *, level: int = 1) -> Code:
    """Compile LLVM text; `symbols` are addresses of names that the process does not export. Raises InternalError."""
    import llvmlite.binding as llvm

    with _lock:
        machine = _machine(level)
        module = _parsed(text)
        image = machine.emit_object(module)
        module.close()
        jit = llvm.create_lljit_compiler(machine)
        library = llvm.JITLibraryBuilder().add_object_img(image).add_current_process()
        for name, address in (symbols or {}).items():
            library.import_symbol(name, address)
        for name in exports:
            library.export_symbol(name)
        tracker = library.link(jit, "irad")
    return Code(jit, tracker)


def assembly(text: str, *, level: int = 1) -> str:
    """The assembly that `compile_text` makes of the text."""
    with _lock:
        module = _parsed(text)
        result: str = _machine(level).emit_assembly(module)
        module.close()
    return result
