"""Derivatives: `Program -> Program`. Reverse mode, forward mode, and the rules they share.

`linearise` writes the differential of each definition once; `reverse` transposes it by inverting
index maps, `forward` uses it as it stands.
"""

from symgrad.differentiate.forward import push_forward
from symgrad.differentiate.linearise import Partial, linearise
from symgrad.differentiate.reverse import Gradient, pull_back

__all__ = ["Gradient", "Partial", "linearise", "pull_back", "push_forward"]
