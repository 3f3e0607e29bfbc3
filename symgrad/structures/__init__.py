"""Matrices stored by their structure: what Hessians and Jacobians are returned as.

    H = loss_hessian(x)          a Diagonal, Banded, Kronecker, Sparse … by its formula
    H @ v, H.solve(g)            products and solutions that use the structure
    H.to_dense(), np.asarray(H)  the array of shape rows + columns, as other tools have it
    H.to_scipy()                 a sparse matrix or an array of SciPy's

Generated modules carry a copy of the classes that they return, so these files import NumPy only.
SciPy is imported where it is called: by `to_scipy`, and by solutions of banded and sparse systems.
"""

from symgrad.structures.banded import Banded
from symgrad.structures.base import Structure
from symgrad.structures.block_diagonal import BlockDiagonal
from symgrad.structures.blocks import Blocks
from symgrad.structures.dense import Dense
from symgrad.structures.diagonal import Diagonal
from symgrad.structures.kronecker import Kronecker
from symgrad.structures.low_rank_plus import LowRankPlus
from symgrad.structures.sparse import Sparse

__all__ = [
    "Banded",
    "BlockDiagonal",
    "Blocks",
    "Dense",
    "Diagonal",
    "Kronecker",
    "LowRankPlus",
    "Sparse",
    "Structure",
]
