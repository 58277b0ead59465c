"""CUDA C for fused array operations and for loops whose trips do not meet, and NVRTC, which compiles it without a GPU.

    scalar     what the `cuda` facets of primitives are handed
    function   what writes a `__global__` function
    kernel     the loop nests of fused operations as such functions
    batch      a loop as one, a thread a trip
    emit       the functions of a module and their text
    nvrtc      NVIDIA's compiler

No backend runs them: benchmarks/gpu.py and tests/backends/device.py launch them with CuPy.
"""
