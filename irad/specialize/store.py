"""The abstract store: cells and objects -> current value, with a journal a branch so that paths can be taken in turn."""

from __future__ import annotations

from typing import Any

from irad.specialize.values import UNBOUND, Obj

__all__ = ["Store", "keys_of"]

_ABSENT = object()


class Store:
    """Keys are objects, or (frame, name) for variables."""

    def __init__(self) -> None:
        self._now: dict[Any, Any] = {}
        self._journals: list[dict[Any, Any]] = [{}]

    def get(self, key: Any) -> Any:
        return self._now.get(key, UNBOUND)

    def keys(self) -> list[Any]:
        return list(self._now)

    def set(self, key: Any, value: Any) -> None:
        journal = self._journals[-1]
        if key not in journal:
            journal[key] = self._now.get(key, _ABSENT)
        self._now[key] = value

    def begin(self) -> None:
        """Start a path; `rollback` ends it."""
        self._journals.append({})

    def rollback(self) -> dict[Any, Any]:
        """Undo the path, and say what it changed: key -> its value at the end."""
        journal = self._journals.pop()
        changes = {k: self._now[k] for k in journal}
        for k, old in journal.items():
            if old is _ABSENT:
                del self._now[k]
            else:
                self._now[k] = old
        return changes

    def apply(self, changes: dict[Any, Any]) -> None:
        for k, v in changes.items():
            self.set(k, v)


def keys_of(obj: Obj) -> list[Any]:
    """The keys under which the content of an object is kept."""
    return [(obj, n) for n in sorted(obj.head.cells)] if obj.kind == "frame" else [obj]
