"""NVRTC, NVIDIA's compiler of CUDA C as a library: it comes as the package nvidia-cuda-nvrtc and needs no GPU."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from irad.errors import refuse

__all__ = ["available", "ptx"]


@functools.cache
def _library() -> Path | None:
    """Where the package keeps the library; of several versions the newest."""
    spec = importlib.util.find_spec("nvidia")
    found = [p for root in (spec.submodule_search_locations or () if spec else ()) for p in Path(root).rglob("libnvrtc.so.*")]
    return max(found, default=None)


def available() -> str:
    """Why NVRTC cannot be used; nothing where it can."""
    return "" if _library() is not None else "the package nvidia-cuda-nvrtc is not installed"


def ptx(text: str, architecture: str, more: Sequence[str] = ()) -> bytes:
    """CUDA C compiled for an architecture ("sm_80") to PTX, with more options of NVRTC's; what it has against the text is
    refused with its log."""
    path = _library()
    if path is None:
        raise refuse("missing-package", available(), help="pip install nvidia-cuda-nvrtc")
    lib = ctypes.CDLL(str(path))
    program = ctypes.c_void_p()
    options = [f"--gpu-architecture={architecture}", "--fmad=false", *more]
    code = lib.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"irad.cu", 0, None, None)
    assert code == 0, f"nvrtcCreateProgram: {code}"
    try:
        code = lib.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*map(str.encode, options)))
        size = ctypes.c_size_t()
        if code:
            lib.nvrtcGetProgramLogSize(program, ctypes.byref(size))
            log = ctypes.create_string_buffer(size.value)
            lib.nvrtcGetProgramLog(program, log)
            raise refuse("no-lowering", f"NVRTC refuses the text for {architecture}: {log.value.decode()}")
        lib.nvrtcGetPTXSize(program, ctypes.byref(size))
        out = ctypes.create_string_buffer(size.value)
        lib.nvrtcGetPTX(program, out)
        return out.value
    finally:
        lib.nvrtcDestroyProgram(ctypes.byref(program))
