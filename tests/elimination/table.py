"""What orders of elimination cost on the tasks: the table of docs/elimination.md.

python -m tests.elimination.table paper           the standard orders, the published one, the best one found, no order's bound
python -m tests.elimination.table folded
python -m tests.elimination.table search 10       search for 10 seconds each; orders that are better go into orders/
"""

import sys

from irad.elimination import to_text
from tests.elimination import ORDERS, PUBLISHED, TASKS, found, task

__all__: list[str] = []


def table(metric: str) -> None:
    print("| task | inputs, outputs, vertices | forward | reverse | Markowitz | published | found | none below |")
    print("|---|---|---|---|---|---|---|---|")
    for name in TASKS:
        region = task(name, metric)
        counts = [region.count(order, metric) for order in ("forward", "reverse", "markowitz")]
        published = region.count(PUBLISHED[name]["order"], metric) if name in PUBLISHED else "–"
        best, bound = region.count(found(name, metric), metric), region.lower_bound(metric)
        sizes = f"{len(region.inputs)}, {len(region.outputs)}, {len(region.inner)}"
        print(f"| {name} | {sizes} | {' | '.join(map(str, counts))} | {published} | {best} | {bound} |")


def search(seconds: float) -> None:
    for name in TASKS:
        for metric in ("paper", "folded"):
            region, file = task(name, metric), ORDERS / f"{name}.{metric}.txt"
            result = region.search(metric=metric, seconds=seconds, progress=True)
            print(
                f"{name}, {metric}: {result.cost} after {result.history[-1].seconds:.1f} s and {result.history[-1].moves} moves"
            )
            if not file.exists() or result.cost < region.count(found(name, metric), metric):
                file.write_text(to_text(region, result.order), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "search":
        search(float(sys.argv[2]))
    else:
        table(sys.argv[1])
