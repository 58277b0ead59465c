"""Python source to python-stage IR."""

from irad.frontend.parse import lower
from irad.frontend.scope import Signature

__all__ = ["Signature", "lower"]
