"""Python source to python-stage IR."""

from irad.frontend.parse import Signature, lower

__all__ = ["Signature", "lower"]
