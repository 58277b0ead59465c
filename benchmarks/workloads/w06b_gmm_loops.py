# ruff: noqa
"""The Gaussian mixture of w06a, written in scalar loops."""

import w06a_gmm as gmm

TITLE, KIND, ARGNUMS, THREADS = "ADBench GMM, in loops", "grad", (0, 1, 2), (1, 2)
make, f, SRC = gmm.make, gmm.f_loops, gmm.SRC
SKIP = {tool: "no loops over traced values" for tool in ("jax", "jax_np")}
