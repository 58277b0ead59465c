"""irad."""
from pathlib import Path as _Path

_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").exists() and (_root / "frontend").is_dir():
    __path__.append(str(_root))                        # a checkout that is not installed: frontend/, backends/, grammar/
