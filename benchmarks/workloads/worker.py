# ruff: noqa
# Copied from ../shared/bench/worker.py (November 2026) and kept as it is but for layout, so that figures compare.
"""Run one (workload, tool) pair in this process and print one JSON line."""

import importlib, json, resource, sys, time, traceback, warnings
import common

warnings.filterwarnings("ignore")
rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(name, tool, budget, save):
    W, out = importlib.import_module(name), {}
    if tool in getattr(W, "SKIP", {}):
        return {"error": "n/a: " + W.SKIP[tool]}
    build = getattr(W, tool + "_", None) or common.DEFAULTS.get(tool)
    if build is None:
        return {"error": "n/a"}
    args = W.make()
    t = time.perf_counter()
    if tool in common.MODULE:
        try:
            importlib.import_module(common.MODULE[tool])
        except ImportError as e:
            return {"error": f"n/a: {e}"}
        out["import_s"] = time.perf_counter() - t
    out["rss_import_mb"] = rss()
    primal, grad = build(W, args)
    for key, fn in (("grad", grad), ("primal", primal)):  # grad first: its cold time is a true first call
        if fn is None:
            continue
        t = time.perf_counter()
        r = fn()
        cold = time.perf_counter() - t
        out[key + "_cold_s"] = getattr(fn, "cold", cold)
        if key == "grad":
            common.np.save(save, common.flat(r))
        out[key + "_min_s"], out[key + "_med_s"] = common.timeit(fn, budget)
        if key == "primal":
            out["value"] = float(common.flat(r)[0])
    out["rss_mb"] = rss()
    return out


if __name__ == "__main__":
    name, tool, budget, save = sys.argv[1:5]
    try:
        r = main(name, tool, float(budget), save)
    except Exception as e:
        traceback.print_exc()
        r = {"error": f"{type(e).__name__}: {str(e).strip().splitlines()[0][:160] if str(e).strip() else ''}"}
    print("\n@@" + json.dumps(r))
