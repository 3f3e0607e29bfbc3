"""`symgrad.special`: functions of one or two tensors under the names of torch.special."""

from __future__ import annotations

from symgrad.autograd.elementwise import FUNCTIONS, polygamma, xlog1py, xlogy
from symgrad.autograd.neural import log_softmax, softmax
from symgrad.autograd.reductions import logsumexp

__all__ = [
    "digamma", "erf", "erfc", "erfcx", "exp2", "expit", "expm1", "gammaln", "log1p", "log_ndtr",
    "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "polygamma", "psi", "round",
    "sinc", "softmax", "xlog1py", "xlogy",
]  # fmt: skip

digamma = psi = FUNCTIONS["digamma"]
erf, erfc, erfcx = FUNCTIONS["erf"], FUNCTIONS["erfc"], FUNCTIONS["special_erfcx"]
exp2, expm1, log1p = FUNCTIONS["exp2"], FUNCTIONS["expm1"], FUNCTIONS["log1p"]
expit, logit = FUNCTIONS["sigmoid"], FUNCTIONS["logit"]
gammaln, multigammaln = FUNCTIONS["lgamma"], FUNCTIONS["mvlgamma"]
ndtr, log_ndtr = FUNCTIONS["special_ndtr"], FUNCTIONS["special_log_ndtr"]
round, sinc = FUNCTIONS["round"], FUNCTIONS["sinc"]
