"""The differential run: `python -m tests.fuzz --programs 5000 --second 1000 --order 3 200 --mutants 500 --jobs 2`.

Prints what was covered, what irad refused, and what came out wrong with its seed and source; writes JSON. With --save,
failures are shrunk and kept under tests/regressions. With --arrays, programs are those of tests/generator/arrays:

    python -m tests.fuzz --arrays --programs 2000 --second 500 --jobs 2
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.fuzz.faults import FAULTS, SEES
from tests.fuzz.oracles import Failure
from tests.fuzz.pool import ROOT, run_seeds
from tests.fuzz.shrink import REGRESSIONS, array_fails_alike, saved, script, shrink
from tests.fuzz.worker import examined
from tests.generator.arrays.draw import TAGS
from tests.generator.kinds import ACCEPTED, CONSTRUCTS
from tests.generator.program import Program

KINDS_LEAST, PAIRS_LEAST, REFUSED_MOST, GRADIENTS_LEAST = 0.03, 0.01, 0.02, 0.9
WRONG = ("wrong value", "wrong gradient", "wrong second derivative", "wrong third derivative", "wrong pass", "wrong mutant")
COUNTED = ("modules after passes", "slopes against differences", "mutants", "mutants refused")


def parsed(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    p.add_argument("--arrays", action="store_true", help="programs about arrays of any dtype, which return arrays, or raise")
    p.add_argument("--programs", type=int, default=300, metavar="N", help="programs with first derivatives")
    p.add_argument("--seed", type=int, default=0, metavar="S", help="the first seed")
    p.add_argument("--second", type=int, default=0, metavar="M", help="the first M of them with second derivatives")
    p.add_argument(
        "--order",
        nargs=2,
        type=int,
        default=None,
        metavar=("3", "K"),
        help="the first K of them with derivatives of this order",
    )
    p.add_argument("--mutants", type=int, default=0, metavar="M", help="mutants that mean the same, one for each of the first")
    p.add_argument("--passes", type=int, default=None, metavar="P", help="the first P of them after each pass (a fifth)")
    p.add_argument("--jobs", type=int, default=1, metavar="J", help="processes")
    p.add_argument("--only", type=int, default=None, metavar="SEED", help="one program: print its source and every check")
    p.add_argument("--json", type=Path, default=None, metavar="FILE", help="write everything that was found")
    p.add_argument(
        "--summary",
        type=Path,
        default=None,
        metavar="FILE",
        help="write the counts: README.md shows RESULTS.json",
    )
    p.add_argument("--save", action="store_true", help="shrink failures and save them under tests/regressions")
    p.add_argument("--shrink", action="store_true", help="shrink failures and print them")
    p.add_argument("--fault", choices=[*FAULTS, "all"], help="show that a seeded fault is found, and after how many programs")
    p.add_argument("--quiet", action="store_true", help="no tables of what was covered")
    return p.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options = parsed(argv)
    if options.only is not None:
        return one(options)
    if options.fault:
        return faults(options)
    results: list[dict[str, Any]] = []
    start = time.perf_counter()

    def done(answer: dict[str, Any]) -> None:
        results.append(answer)
        for f in answer["failures"][:1]:
            print(
                f"seed {answer['seed']}: {f['kind']}, {f['what']}: {(f['detail'].splitlines() or [''])[0][:150]}",
                flush=True,
            )
        if len(results) % 100 == 0:
            print(f"{len(results)} programs, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)

    run_seeds(planned(options), options.jobs, done)
    results.sort(key=lambda r: r["seed"])
    summary = summarized(results, time.perf_counter() - start, options.seed, options.arrays)
    if not options.quiet:
        show_coverage(summary)
    show(summary, results)
    if options.save or options.shrink:
        keep(results, options.save)
    if options.summary:
        known = json.loads(options.summary.read_text()) if options.summary.exists() else {}
        origin = {"command": f"python -m tests.fuzz {' '.join(argv or sys.argv[1:])}", "commit": commit()}
        kept = {"faults": known["faults"]} if "faults" in known else {}
        options.summary.write_text(json.dumps({**origin, **summary, **kept}, indent=1) + "\n")
    if options.json:
        options.json.write_text(json.dumps({"summary": summary, "programs": results}, indent=1))
    return 1 if summary["wrong"] or summary["other failures"] else 0


def commit() -> str:
    """The commit of the working tree; with a + where it differs from it."""
    told = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip()


def planned(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A task for each program. Programs that irad refuses have no mutants: a few more than asked for are planned."""
    high, most = options.order or (0, 0)
    passes = options.programs // 5 if options.passes is None else options.passes
    if options.arrays:  # their checks are others
        passes = options.mutants = 0
    tasks = []
    for i in range(max(options.programs, options.second, most)):
        order = high if i < most else 2 if i < options.second else 1
        plan = {"order": order, "passes": i < passes, "mutants": int(i < options.mutants * 1.03), "differences": i % 4 == 0}
        if i % 4 == 2:
            plan["backends"] = ("interpreter", "llvm", "source")
        tasks.append({"seed": options.seed + i, "plan": plan, "arrays": options.arrays})
    return tasks


def one(options: argparse.Namespace) -> int:
    """One seed in this process, with its source."""
    order = options.order[0] if options.order else 2 if options.second else 1
    plan = {"order": order, "passes": options.passes != 0, "mutants": max(options.mutants, 1), "differences": True, "all": True}
    answer = examined(options.only, plan, options.arrays)
    print(answer.get("source", ""))
    print("arguments", answer.get("args"))
    for f in answer["failures"]:
        print(f"{f['kind']}, {f['what']}: {f['detail']}")
    print(f"{answer.get('checks', 0)} checks, {len(answer['failures'])} failures")
    if options.save or options.shrink:
        keep([answer], options.save)
    return 1 if answer["failures"] else 0


def found_after(fault: str, seed: int, programs: int, jobs: int, plan: dict[str, Any] | None = None) -> tuple[int, str]:
    """(how many programs it took to find the fault, or 0; what was found first). plan: other than what is sure to see it.

    A process that dies, or takes too long, and an error of the tests themselves find nothing.
    """
    plan = SEES.get(fault, {}) if plan is None else plan
    seen = 0
    first: list[str] = []

    def done(answer: dict[str, Any]) -> bool:
        nonlocal seen
        seen += 1
        failures = [f for f in answer["failures"] if f["kind"] in (*WRONG, "raised")]
        if failures:
            f = failures[0]
            first.append(f"seed {answer['seed']}: {f['kind']}, {f['what']}: {(f['detail'].splitlines() or [''])[0][:110]}")
        return bool(failures)

    run_seeds(({"seed": seed + i, "plan": plan, "fault": fault} for i in range(programs)), jobs, done, patience=60.0)
    return (seen, first[0]) if first else (0, "")


def faults(options: argparse.Namespace) -> int:
    """Switch on faults one by one, and look for them."""
    missed, table = 0, {}
    for name in FAULTS if options.fault == "all" else [options.fault]:
        after, what = found_after(name, options.seed, options.programs, options.jobs)
        missed += not after
        table[name] = {"what": (FAULTS[name].__doc__ or "").strip(), "found after programs": after, "first": what}
        found = f"found after {after:3d} programs, {what}" if after else f"not found in {options.programs} programs"
        print(f"{name:10s} {(FAULTS[name].__doc__ or '').strip()}\n{'':10s} {found}", flush=True)
    if options.summary:
        known = json.loads(options.summary.read_text()) if options.summary.exists() else {}
        options.summary.write_text(json.dumps({**known, "faults": table}, indent=1) + "\n")
    return 1 if missed else 0


# -- what came out ------------------------------------------------------------------------------------------------------------


def summarized(results: list[dict[str, Any]], seconds: float, seed: int, about_arrays: bool = False) -> dict[str, Any]:
    """The counts of a run."""
    constructs = () if about_arrays else CONSTRUCTS
    slopes = [g for r in results for g in r.get("gradient", [])]
    refused = [r for r in results if any(f["kind"] == "refused" for f in r["failures"])]
    wrong = [r for r in results if any(f["kind"].startswith("wrong") for f in r["failures"])]
    other = [r for r in results if any(f["kind"] in ("raised", "crashed", "test error") for f in r["failures"])]
    return {
        "seed": seed,
        "programs": len(results),
        "seconds": round(seconds, 1),
        "checks": sum(r.get("checks", 0) for r in results),
        "second order": sum(r["plan"]["order"] >= 2 for r in results),
        "third order": sum(r["plan"]["order"] >= 3 for r in results),
        "as source": sum("source" in r["plan"].get("backends", ()) for r in results),
        "after each pass": sum(r["plan"]["passes"] for r in results),
        **{what: sum(r.get("counts", {}).get(what, 0) for r in results) for what in COUNTED},
        "refused": len(refused),
        "wrong": len(wrong),
        "other failures": len(other),
        "agreed within what rounding does": sum(bool(r.get("loose")) for r in results),
        "gradients": len(slopes),
        "gradients nonzero": sum(1 for g in slopes if g),
        "wrong by kind": {k: sum(any(f["kind"] == k for f in r["failures"]) for r in results) for k in WRONG},
        "reasons": dict(
            Counter(
                f"{r['failures'][0]['kind']}: {r['failures'][0]['reason'] or r['failures'][0]['what']}"
                for r in results
                if r["failures"]
            ).most_common()
        ),
        "kinds": {k: sum(k in r["kinds"] for r in results) for k in (TAGS if about_arrays else ACCEPTED)},
        "pairs": {
            f"{o} > {i}": sum([o, i] in [list(p) for p in r["pairs"]] for r in results) for o in constructs for i in constructs
        },
    }


def show_coverage(summary: dict[str, Any]) -> None:
    """The tables of kinds and of pairs."""
    print("\nprograms with each kind of statement or expression:")
    cells = [f"{n:5d} {k}" for k, n in sorted(summary["kinds"].items(), key=lambda item: -item[1])]
    width, rows = 34, -(-len(cells) // 4)
    for i in range(rows):
        print("".join(f"{c:{width}.{width - 1}}" for c in cells[i::rows]))
    if not summary["pairs"]:
        return
    print("\nprograms with one construct (left) around another (top):")
    print(" " * 11 + "".join(f"{i:>11}" for i in CONSTRUCTS))
    for o in CONSTRUCTS:
        print(f"{o:11}" + "".join(f"{summary['pairs'][f'{o} > {i}']:11d}" for i in CONSTRUCTS))


def told(answer: dict[str, Any], f: dict[str, Any]) -> str:
    """A failure with the command that shrinks it, and the program as a script that stands alone."""
    order = answer["plan"]["order"]
    failure, program = Failure(**f), Program(answer["seed"], answer.get("source", ""), tuple(answer.get("args", ())))
    return (
        f"seed {program.seed}: {failure.kind}, {failure.what}: {failure.detail[:300]}\n"
        f"  python -m tests.fuzz {'--arrays ' * answer['arrays']}--only {program.seed} --shrink --order {order} 1\n"
        f"{program.source}\nprint(program{program.data!r})\n"
    )


def show(summary: dict[str, Any], results: list[dict[str, Any]]) -> None:
    """Counts, refusals, and what is wrong with its seeds."""
    s = summary
    n = max(s["programs"], 1)
    rare = [k for k, c in s["kinds"].items() if c < KINDS_LEAST * n]
    thin = [k for k, c in s["pairs"].items() if c < PAIRS_LEAST * n]
    print(
        f"\nseed {s['seed']}, {s['programs']} programs ({s['second order']} to second, "
        f"{s['third order']} to third order), {s['checks']} checks, {s['seconds']} s"
    )
    print(
        f"{s['as source']} as source too; {s['after each pass']} after each pass: {s['modules after passes']} modules; "
        f"{s['slopes against differences']} slopes against differences; "
        f"{s['mutants']} mutants, {s['wrong by kind']['wrong mutant']} changed, {s['mutants refused']} refused"
    )
    print(
        f"gradients nonzero: {s['gradients nonzero']} of {s['gradients']} "
        f"({100 * s['gradients nonzero'] / max(s['gradients'], 1):.1f} %, wanted {100 * GRADIENTS_LEAST:.0f} %)"
    )
    print(
        f"refused: {s['refused']} ({100 * s['refused'] / n:.1f} %, at most {100 * REFUSED_MOST:.0f} % wanted); "
        f"wrong: {s['wrong']}; raised or crashed: {s['other failures']}"
    )
    print(f"agreed only within what rounding does: {s['agreed within what rounding does']}")
    print(
        f"of {len(s['kinds'])} kinds, rarer than {100 * KINDS_LEAST:.0f} %: {', '.join(rare) or 'none'}; "
        f"of {len(s['pairs'])} pairs, rarer than {100 * PAIRS_LEAST:.0f} %: {', '.join(thin) or 'none'}"
    )
    for reason, count in s["reasons"].items():
        seeds = [
            r["seed"]
            for r in results
            if r["failures"]
            and reason == f"{r['failures'][0]['kind']}: {r['failures'][0]['reason'] or r['failures'][0]['what']}"
        ]
        print(f"{count:5d} {reason}   seeds {', '.join(map(str, seeds[:10]))}{' ...' if len(seeds) > 10 else ''}")
    for r in results:
        for f in r["failures"]:
            if f["kind"].startswith("wrong"):
                print(f"\nseed {r['seed']}: {f['kind']}, {f['what']}: {f['detail']}\narguments {r['args']}\n{r['source']}")
                break


def keep(results: list[dict[str, Any]], save: bool) -> None:
    """Shrink one failure of each reason."""
    seen: set[str] = set()
    for r in results:
        for f in r["failures"][:1]:
            failure = Failure(**f)
            key = failure.kind + failure.reason.split(":")[0] + (failure.what if failure.kind.startswith("wrong") else "")
            if key in seen or "source" not in r or failure.kind == "test error":
                continue
            seen.add(key)
            program = Program(r["seed"], r["source"], tuple(r["args"]), frozenset(r["kinds"]))
            order, about_arrays = r["plan"]["order"], r["arrays"]
            fails = functools.partial(array_fails_alike, failure=failure, order=order) if about_arrays else None
            small = shrink(program, failure, order, wanted=fails)
            print(f"\nshrunk from seed {r['seed']}:\n{script(small, failure, order)}")
            if save:
                print("saved as", saved(small, failure, order, REGRESSIONS / "arrays" if about_arrays else REGRESSIONS))


if __name__ == "__main__":
    sys.exit(main())
