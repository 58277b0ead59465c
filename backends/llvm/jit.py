"""LLVM text to machine code in this process, by llvmlite's LLJIT. No IR pass runs: the text is lean as it is.

    code = link([object_code(program), object_code(stub, level=0)], ["stub"], {"name": address})
    code.address("stub")

Text is verified before code generation: an error that slipped through would end the process. It names what is outside
it and holds no address, so that an object can be linked again.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from irad.backends.llvm.heap import keep_freed_memory
from irad.backends.llvm.vectors import load_vector_library

from irad.errors import InternalError
from irad.lock import LOCK

__all__ = ["Code", "assembly", "compile_text", "described", "features", "host_features", "link", "object_code", "registers"]

# An LLJIT takes 0.8 ms to make, so programs share one. Each leaves some 10 kB in it that is freed with the last of them.
PROGRAMS_PER_LLJIT = 32

_jit: Any = None
_linked = 0


@functools.cache
def _target() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    load_vector_library()
    return llvm.Target.from_default_triple()


def host_features() -> str:
    """What the processor has and has not beyond its architecture, as LLVM's options."""
    import llvmlite.binding as llvm

    return str(llvm.get_host_cpu_features().flatten())


@functools.cache
def _machine(level: int) -> Any:
    import llvmlite.binding as llvm

    return _target().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=host_features(),
        opt=level,
        reloc="pic",
        codemodel="small",
        jit=True,
    )


def described() -> tuple[str, str]:
    """The version of LLVM, and what it generates code for."""
    import llvmlite
    import llvmlite.binding as llvm

    version = ".".join(map(str, llvm.llvm_version_info))
    return f"{version} (llvmlite {llvmlite.__version__})", f"{llvm.get_process_triple()}, {llvm.get_host_cpu_name()}"


def features() -> list[str]:
    """What the processor has beyond its architecture, as LLVM names it."""
    import llvmlite.binding as llvm

    return sorted(name for name, there in llvm.get_host_cpu_features().items() if there)


@functools.cache
def registers() -> tuple[int, int]:
    """The bytes of the processor's vector registers, and how many there are."""
    there = set(features())
    if "avx512f" in there:
        return 64, 32
    return (32, 16) if "avx2" in there else (16, 32 if "neon" in there else 16)


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


def object_code(text: str, *, level: int = 1) -> bytes:
    """The object file that LLVM text becomes. Raises InternalError."""
    with LOCK:
        machine = _machine(level)
        module = _parsed(text)
        image: bytes = machine.emit_object(module)
        module.close()
    return image


def link(objects: Sequence[bytes], exports: Sequence[str], symbols: Mapping[str, int] | None = None) -> Code:
    """Load objects together; `symbols` are addresses of names that the process does not export."""
    import llvmlite.binding as llvm

    global _jit, _linked
    library = llvm.JITLibraryBuilder()
    for image in objects:
        library.add_object_img(image)
    library.add_current_process()
    for name, address in (symbols or {}).items():
        library.import_symbol(name, address)
    for name in exports:
        library.export_symbol(name)
    keep_freed_memory()
    with LOCK:
        if _linked % PROGRAMS_PER_LLJIT == 0:
            _jit = llvm.create_lljit_compiler(_machine(1))
        _linked += 1
        return Code(_jit, library.link(_jit, f"irad.{_linked}"))


def compile_text(text: str, exports: Sequence[str], symbols: Mapping[str, int] | None = None, *, level: int = 1) -> Code:
    """Compile LLVM text alone."""
    return link([object_code(text, level=level)], exports, symbols)


def assembly(text: str, *, level: int = 1) -> str:
    """The assembly that `compile_text` makes of the text."""
    with LOCK:
        module = _parsed(text)
        result: str = _machine(level).emit_assembly(module)
        module.close()
    return result
