"""A progress bar for searches: rich's, and only where someone asks for it."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Bar"]


class Bar:
    """How much of the budget is spent, beside the best cost so far. Does nothing unless `wanted`."""

    def __init__(self, wanted: bool, seconds: float | None, moves: int | None) -> None:
        self.wanted, self.seconds, self.moves = wanted, seconds, moves
        self.began = time.perf_counter()
        self.progress: Progress | None = None
        self.task: TaskID | None = None

    def __enter__(self) -> Bar:
        if self.wanted:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            console = Console(stderr=True)
            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self.progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
            self.task = self.progress.add_task("", total=1.0)
            self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.progress is not None:
            self.progress.stop()

    def show(self, moves: int, cost: int, bound: int) -> None:
        if self.progress is None or self.task is None:
            return
        parts = [moves / self.moves] if self.moves else []
        if self.seconds:
            parts.append((time.perf_counter() - self.began) / self.seconds)
        text = f"{cost:,} products, at least {bound:,} needed; {moves:,} moves"
        self.progress.update(self.task, completed=max(parts), description=text)
