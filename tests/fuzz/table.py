"""What the last large run of generated programs found, for the README: `python -m tests.fuzz.table`."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.json"


def main() -> None:
    r = json.loads(RESULTS.read_text())
    rows = [
        ("programs tried, in value and gradient", r["programs"], r["wrong"]),
        ("of them to second order", r["second order"], r["wrong by kind"]["wrong second derivative"]),
        ("of them to third order", r["third order"], r["wrong by kind"]["wrong third derivative"]),
        ("programs after each pass of the optimizer", r["after each pass"], r["wrong by kind"]["wrong pass"]),
        ("mutants that mean the same", r["mutants"], r["wrong by kind"]["wrong mutant"]),
    ]
    print("| what | tried | wrong |\n|---|---|---|")
    for what, tried, wrong in rows:
        print(f"| {what} | {tried:,} | {wrong:,} |")
    print(f"\n`{r['command']}`: refused {r['refused']:,}, raised or crashed {r['other failures']:,}.")


if __name__ == "__main__":
    main()
