"""CUDA C for fused array operations, and NVRTC, which compiles it without a GPU.

    scalar     what the `cuda` facets of primitives are handed
    kernel     the loop nests of a kernel as `__global__` functions
    emit       the functions of a module and their text
    nvrtc      NVIDIA's compiler

Nothing is run on a GPU yet.
"""
