"""`torch.utils`, as far as autograd needs it."""

from __future__ import annotations

from symgrad.utils import checkpoint

__all__ = ["checkpoint"]
