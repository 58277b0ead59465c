"""What machine a figure was measured on, and how busy it was."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from pathlib import Path

__all__ = ["machine"]


def machine() -> dict[str, str]:
    """Processor, cores, Python, date and load, for a results file; says on standard error where the machine is busy."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    load = os.getloadavg()[0]
    if load > 1.3:  # 1 is this benchmark
        print(f"the machine is busy, its load is {load:.1f}: the figures are too high", file=sys.stderr)
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "date": str(datetime.date.today()),
        "load": f"{load:.1f}",
    }
