"""Identities of matrix calculus: programs, the gradient as textbooks print it, and in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, log_softmax, logsumexp, softmax

__all__ = ["IDENTITIES", "Identity"]

v, m, s = "f64[n]", "f64[n, n]", "f64[]"


@dataclass(frozen=True)
class Identity:
    """A function, the shapes of its arguments, what its gradient by the first one is."""

    name: str
    function: Callable[..., Any]
    shapes: dict[str, str]
    printed: str
    textbook: Callable[..., Any]


def identity(
    name: str,
    function: Callable[..., Any],
    printed: str,
    textbook: Callable[..., Any],
    **shapes: str,
) -> Identity:
    return Identity(name, function, shapes, printed, textbook)


def _one(x: Any) -> Any:
    return np.ones_like(x)


# fmt: off
IDENTITIES: tuple[Identity, ...] = (
    # --- linear and bilinear forms ---------------------------------------------------------------
    identity("aᵀx", lambda x, a: a @ x, "a", lambda x, a: a, x=v, a=v),
    identity("sum", lambda x: np.sum(x), "1", _one, x=v),
    identity(
        "aᵀXb", lambda X, a, b: a @ X @ b, "abᵀ", lambda X, a, b: np.outer(a, b),
        X="f64[n, d]", a=v, b="f64[d]",
    ),
    identity(
        "aᵀXᵀb", lambda X, a, b: a @ X.T @ b, "baᵀ", lambda X, a, b: np.outer(b, a),
        X="f64[n, d]", a="f64[d]", b=v,
    ),
    identity(
        "xᵀAy", lambda x, A, y: x @ A @ y, "Ay", lambda x, A, y: A @ y,
        x=v, A="f64[n, d]", y="f64[d]",
    ),
    identity(
        "yᵀAx", lambda x, A, y: y @ A @ x, "Aᵀy", lambda x, A, y: A.T @ y,
        x="f64[d]", A="f64[n, d]", y=v,
    ),
    identity(
        "aᵀXXᵀb", lambda X, a, b: a @ X @ X.T @ b, "(abᵀ + baᵀ)X",
        lambda X, a, b: np.outer(a, b) @ X + np.outer(b, a) @ X, X="f64[n, d]", a=v, b=v,
    ),
    identity(
        "aᵀXᵀXb", lambda X, a, b: a @ X.T @ X @ b, "X(baᵀ + abᵀ)",
        lambda X, a, b: X @ (np.outer(a, b) + np.outer(b, a)),
        X="f64[n, d]", a="f64[d]", b="f64[d]",
    ),
    identity(
        "ABx", lambda x, A, B, c: c @ (A @ (B @ x)), "BᵀAᵀc", lambda x, A, B, c: B.T @ A.T @ c,
        x="f64[p]", A="f64[n, d]", B="f64[d, p]", c=v,
    ),
    # --- quadratic forms -------------------------------------------------------------------------
    identity("xᵀx", lambda x: x @ x, "2x", lambda x: 2 * x, x=v),
    identity("xᵀAx", lambda x, A: x @ A @ x, "(A + Aᵀ)x", lambda x, A: (A + A.T) @ x, x=v, A=m),
    identity("xᵀAx by A", lambda A, x: x @ A @ x, "xxᵀ", lambda A, x: np.outer(x, x), A=m, x=v),
    identity(
        "half xᵀAx − bᵀx", lambda x, A, b: 0.5 * (x @ A @ x) - b @ x, "1/2 · (A + Aᵀ)x − b",
        lambda x, A, b: (A + A.T) @ x / 2 - b, x=v, A=m, b=v,
    ),
    identity(
        "xᵀAᵀAx", lambda x, A: A @ x @ (A @ x), "2AᵀAx", lambda x, A: 2 * A.T @ A @ x,
        x="f64[d]", A="f64[n, d]",
    ),
    identity(
        "(x−a)ᵀC(x−a)", lambda x, a, C: (x - a) @ C @ (x - a), "(C + Cᵀ)(x − a)",
        lambda x, a, C: (C + C.T) @ (x - a), x=v, a=v, C=m,
    ),
    identity(
        "weighted squares", lambda x, w: np.sum(w * x ** 2), "2w ⊙ x", lambda x, w: 2 * w * x,
        x=v, w=v,
    ),
    identity(
        "portfolio", lambda x, S: x @ S @ x, "(S + Sᵀ)x", lambda x, S: (S + S.T) @ x, x=v, S=m,
    ),
    # --- norms -----------------------------------------------------------------------------------
    identity(
        "‖Ax−b‖²", lambda x, A, b: np.sum((A @ x - b) ** 2), "2Aᵀ(Ax − b)",
        lambda x, A, b: 2 * A.T @ (A @ x - b), x="f64[d]", A="f64[n, d]", b=v,
    ),
    identity(
        "‖Ax−b‖² by A", lambda A, x, b: np.sum((A @ x - b) ** 2), "2(Ax − b)xᵀ",
        lambda A, x, b: 2 * np.outer(A @ x - b, x), A="f64[n, d]", x="f64[d]", b=v,
    ),
    identity(
        "‖Ax−b‖² by b", lambda b, A, x: np.sum((A @ x - b) ** 2), "−2(Ax − b)",
        lambda b, A, x: -2 * (A @ x - b), b=v, A="f64[n, d]", x="f64[d]",
    ),
    identity(
        "‖x‖", lambda x: np.sqrt(np.sum(x ** 2)), "1/‖x‖ · x",
        lambda x: x / np.linalg.norm(x), x=v,
    ),
    identity(
        "‖x−a‖", lambda x, a: np.linalg.norm(x - a), "1/f · (x − a)",
        lambda x, a: (x - a) / np.linalg.norm(x - a), x=v, a=v,
    ),
    identity("‖X‖²", lambda X: np.sum(X ** 2), "2X", lambda X: 2 * X, X="f64[n, d]"),
    identity(
        "‖AX−B‖²", lambda X, A, B: np.sum((A @ X - B) ** 2), "2Aᵀ(AX − B)",
        lambda X, A, B: 2 * A.T @ (A @ X - B), X="f64[d, p]", A="f64[n, d]", B="f64[n, p]",
    ),
    identity(
        "‖XA−B‖²", lambda X, A, B: np.sum((X @ A - B) ** 2), "2(XA − B)Aᵀ",
        lambda X, A, B: 2 * (X @ A - B) @ A.T, X="f64[n, d]", A="f64[d, p]", B="f64[n, p]",
    ),
    identity(
        "‖X−UVᵀ‖² by U", lambda U, V, X: np.sum((X - U @ V.T) ** 2), "−2(X − UVᵀ)V",
        lambda U, V, X: -2 * (X - U @ V.T) @ V, U="f64[n, r]", V="f64[d, r]", X="f64[n, d]",
    ),
    identity(
        "‖X−UVᵀ‖² by V", lambda V, U, X: np.sum((X - U @ V.T) ** 2), "−2(X − UVᵀ)ᵀU",
        lambda V, U, X: -2 * (X - U @ V.T).T @ U, V="f64[d, r]", U="f64[n, r]", X="f64[n, d]",
    ),
    identity(
        "ridge", lambda w, X, y, c: np.sum((X @ w - y) ** 2) + c * (w @ w), "2(Xᵀ(Xw − y) + cw)",
        lambda w, X, y, c: 2 * X.T @ (X @ w - y) + 2 * c * w, w="f64[d]", X="f64[n, d]", y=v, c=s,
    ),
    identity(
        "mean square", lambda w, X, y: np.mean((X @ w - y) ** 2), "2/n · Xᵀ(Xw − y)",
        lambda w, X, y: 2 / len(y) * X.T @ (X @ w - y), w="f64[d]", X="f64[n, d]", y=v,
    ),
    identity(
        "weighted least squares", lambda w, X, y, c: np.sum(c * (X @ w - y) ** 2),
        "2Xᵀ(c ⊙ (Xw − y))", lambda w, X, y, c: 2 * X.T @ (c * (X @ w - y)),
        w="f64[d]", X="f64[n, d]", y=v, c=v,
    ),
    # --- traces ----------------------------------------------------------------------------------
    identity("tr X", lambda X: np.trace(X), "I", lambda X: np.eye(len(X)), X=m),
    identity(
        "tr AX", lambda X, A: np.trace(A @ X), "Aᵀ", lambda X, A: A.T,
        X="f64[n, d]", A="f64[d, n]",
    ),
    identity(
        "tr AᵀX", lambda X, A: np.trace(A.T @ X), "A", lambda X, A: A,
        X="f64[n, d]", A="f64[n, d]",
    ),
    identity(
        "tr AXB", lambda X, A, B: np.trace(A @ X @ B), "AᵀBᵀ", lambda X, A, B: A.T @ B.T,
        X="f64[n, d]", A="f64[p, n]", B="f64[d, p]",
    ),
    identity(
        "tr AXᵀB", lambda X, A, B: np.trace(A @ X.T @ B), "BA", lambda X, A, B: B @ A,
        X="f64[n, d]", A="f64[p, d]", B="f64[n, p]",
    ),
    identity("tr XᵀX", lambda X: np.trace(X.T @ X), "2X", lambda X: 2 * X, X="f64[n, d]"),
    identity(
        "tr XᵀAX", lambda X, A: np.trace(X.T @ A @ X), "(A + Aᵀ)X", lambda X, A: (A + A.T) @ X,
        X="f64[n, d]", A=m,
    ),
    identity(
        "tr XAXᵀ", lambda X, A: np.trace(X @ A @ X.T), "X(A + Aᵀ)", lambda X, A: X @ (A + A.T),
        X="f64[n, d]", A="f64[d, d]",
    ),
    identity(
        "tr XᵀAXB", lambda X, A, B: np.trace(X.T @ A @ X @ B), "AXB + AᵀXBᵀ",
        lambda X, A, B: A @ X @ B + A.T @ X @ B.T, X="f64[n, d]", A=m, B="f64[d, d]",
    ),
    identity("tr X²", lambda X: np.trace(X @ X), "2Xᵀ", lambda X: 2 * X.T, X=m),
    identity(
        "(tr X)²", lambda X: np.trace(X) ** 2, "2 tr(X) I",
        lambda X: 2 * np.trace(X) * np.eye(len(X)), X=m,
    ),
    # --- Hadamard products -----------------------------------------------------------------------
    identity(
        "1ᵀ(A⊙X)1", lambda X, A: np.sum(A * X), "A", lambda X, A: A, X="f64[n, d]", A="f64[n, d]",
    ),
    identity(
        "‖A⊙X−B‖²", lambda X, A, B: np.sum((A * X - B) ** 2), "2(A ⊙ X − B) ⊙ A",
        lambda X, A, B: 2 * A * (A * X - B), X="f64[n, d]", A="f64[n, d]", B="f64[n, d]",
    ),
    identity("yᵀ(a⊙x)", lambda x, a, y: y @ (a * x), "a ⊙ y", lambda x, a, y: a * y, x=v, a=v, y=v),
    identity(
        "xᵀdiag(a)x", lambda x, a: x @ np.diag(a) @ x, "2a ⊙ x", lambda x, a: 2 * a * x, x=v, a=v,
    ),
    identity(
        "aᵀ(x⊙x⊙x)", lambda x, a: a @ (x * x * x), "3x∘² ⊙ a", lambda x, a: 3 * a * x ** 2,
        x=v, a=v,
    ),
    identity(
        "(Ax)⊙(Bx)", lambda x, A, B: np.sum(A @ x * (B @ x)), "(BᵀA + AᵀB)x",
        lambda x, A, B: (A.T @ B + B.T @ A) @ x, x="f64[d]", A="f64[n, d]", B="f64[n, d]",
    ),
    identity(
        "tr diag", lambda X, a: a @ np.diagonal(X), "diag(a)", lambda X, a: np.diag(a), X=m, a=v,
    ),
    identity(
        "tr(A(B⊙X))", lambda X, A, B: np.trace(A @ (B * X)), "Aᵀ ⊙ B", lambda X, A, B: A.T * B,
        X="f64[n, d]", A="f64[d, n]", B="f64[n, d]",
    ),
    # --- elementwise functions -------------------------------------------------------------------
    identity("1ᵀexp(x)", lambda x: np.sum(np.exp(x)), "exp(x)", np.exp, x=v),
    identity("1ᵀlog(x)", lambda x: np.sum(np.log(x)), "1 ⊘ x", lambda x: 1 / x, x=v),
    identity(
        "aᵀsin(Bx)", lambda x, a, B: a @ np.sin(B @ x), "Bᵀ(a ⊙ cos(Bx))",
        lambda x, a, B: B.T @ (a * np.cos(B @ x)), x="f64[d]", a=v, B="f64[n, d]",
    ),
    identity(
        "1ᵀtanh(Xw)", lambda w, X: np.sum(np.tanh(X @ w)), "Xᵀ sech^2(Xw)",
        lambda w, X: X.T @ (1 - np.tanh(X @ w) ** 2), w="f64[d]", X="f64[n, d]",
    ),
    identity(
        "tr(A exp(X))", lambda X, A: np.trace(A @ np.exp(X)), "Aᵀ ⊙ exp(X)",
        lambda X, A: A.T * np.exp(X), X="f64[n, d]", A="f64[d, n]",
    ),
    identity(
        "tr(A sin(BX))", lambda X, A, B: np.trace(A @ np.sin(B @ X)), "Bᵀ(Aᵀ ⊙ cos(BX))",
        lambda X, A, B: B.T @ (A.T * np.cos(B @ X)), X="f64[p, d]", A="f64[d, n]", B="f64[n, p]",
    ),
    identity(
        "entropy", lambda x: -np.sum(x * np.log(x)), "−log(x) − 1", lambda x: -np.log(x) - 1, x=v,
    ),
    identity(
        "1ᵀσ(x)", lambda x: np.sum(expit(x)), "σ(x) ⊙ σ(−x)", lambda x: expit(x) * expit(-x), x=v,
    ),
    identity(
        "relu", lambda w, X: np.sum(np.maximum(X @ w, 0)), "Xᵀ step(Xw)",
        lambda w, X: X.T @ (X @ w > 0), w="f64[d]", X="f64[n, d]",
    ),
    # --- regressions -----------------------------------------------------------------------------
    identity(
        "logistic", lambda w, b, X, y: np.mean(np.log(1 + np.exp(X @ w + b)) - y * (X @ w + b)),
        "1/n · Xᵀ(σ(Xw + b) − y)", lambda w, b, X, y: X.T @ (expit(X @ w + b) - y) / len(y),
        w="f64[d]", b=s, X="f64[n, d]", y=v,
    ),
    identity(
        "Poisson", lambda w, X, y: np.sum(np.exp(X @ w) - y * (X @ w)), "Xᵀ(exp(Xw) − y)",
        lambda w, X, y: X.T @ (np.exp(X @ w) - y), w="f64[d]", X="f64[n, d]", y=v,
    ),
    identity(
        "exponential loss", lambda w, X, y: np.sum(np.exp(-y * (X @ w))), "−Xᵀ(exp(−Xw ⊙ y) ⊙ y)",
        lambda w, X, y: -X.T @ (y * np.exp(-y * (X @ w))), w="f64[d]", X="f64[n, d]", y=v,
    ),
    identity(
        "squared hinge", lambda w, X, y: np.sum(np.maximum(1 - y * (X @ w), 0) ** 2),
        "−2Xᵀ(max(1 − Xw ⊙ y, 0) ⊙ y)",
        lambda w, X, y: -2 * X.T @ (y * np.maximum(1 - y * (X @ w), 0)),
        w="f64[d]", X="f64[n, d]", y=v,
    ),
    # --- softmax and log-sum-exp -----------------------------------------------------------------
    identity("logsumexp", lambda x: logsumexp(x), "softmax(x)", softmax, x=v),
    identity(
        "logsumexp(Ax)", lambda x, A: logsumexp(A @ x), "Aᵀ softmax(Ax)",
        lambda x, A: A.T @ softmax(A @ x), x="f64[d]", A="f64[n, d]",
    ),
    identity(
        "logsumexp(Ax+b)−cᵀx", lambda x, A, b, c: logsumexp(A @ x + b) - c @ x,
        "Aᵀ softmax(Ax + b) − c", lambda x, A, b, c: A.T @ softmax(A @ x + b) - c,
        x="f64[d]", A="f64[n, d]", b=v, c="f64[d]",
    ),
    identity(
        "cross-entropy", lambda W, X, Y: np.sum(logsumexp(X @ W, axis=1)) - np.sum(Y * (X @ W)),
        "Xᵀ(softmax(XW) − Y)", lambda W, X, Y: X.T @ (softmax(X @ W, axis=1) - Y),
        W="f64[d, c]", X="f64[n, d]", Y="f64[n, c]",
    ),
    identity(
        "yᵀlog softmax(x)", lambda x, y: y @ log_softmax(x), "y − (1ᵀy) softmax(x)",
        lambda x, y: y - np.sum(y) * softmax(x), x=v, y=v,
    ),
    # --- outer and Kronecker products ------------------------------------------------------------
    identity(
        "‖X−uvᵀ‖² by u", lambda u, w, X: np.sum((X - np.outer(u, w)) ** 2), "2(uwᵀ − X)w",
        lambda u, w, X: -2 * (X - np.outer(u, w)) @ w, u=v, w="f64[d]", X="f64[n, d]",
    ),
    identity(
        "sum of outer products", lambda X, a, A: np.sum(A * np.einsum('n,ni,nj->ij', a, X, X)),
        "diag(a) X(A + Aᵀ)", lambda X, a, A: np.diag(a) @ X @ (A + A.T),
        X="f64[n, d]", a=v, A="f64[d, d]",
    ),
    identity(
        "weighted Gram", lambda X, a, b, c: b @ (X.T @ np.diag(a) @ X) @ c, "diag(a) X(bcᵀ + cbᵀ)",
        lambda X, a, b, c: np.diag(a) @ X @ (np.outer(b, c) + np.outer(c, b)),
        X="f64[n, d]", a=v, b="f64[d]", c="f64[d]",
    ),
    # --- sums and means over rows ----------------------------------------------------------------
    identity(
        "row sums", lambda X, a: a @ np.sum(X, axis=1), "a1ᵀ",
        lambda X, a: np.outer(a, np.ones(X.shape[1])), X="f64[n, d]", a=v,
    ),
    identity(
        "column sums", lambda X, a: np.sum(X, axis=0) @ a, "1aᵀ",
        lambda X, a: np.outer(np.ones(len(X)), a), X="f64[n, d]", a="f64[d]",
    ),
    identity(
        "‖column means‖²", lambda X: np.sum(np.mean(X, axis=0) ** 2), "2/n² · 11ᵀX",
        lambda X: 2 / len(X) * np.outer(np.ones(len(X)), np.mean(X, axis=0)), X="f64[n, d]",
    ),
    identity(
        "centred", lambda X, mu: np.sum((X - mu) ** 2), "2(X − 1·muᵀ)",
        lambda X, mu: 2 * (X - np.outer(np.ones(len(X)), mu)), X="f64[n, d]", mu="f64[d]",
    ),
    identity(
        "cumulative sum", lambda x, a: a @ np.cumsum(x), "triu(11ᵀ) a",
        lambda x, a: np.cumsum(a[::-1])[::-1], x=v, a=v,
    ),
    identity(
        "tril", lambda X, A: np.sum(A * np.tril(X)), "tril(A)", lambda X, A: np.tril(A), X=m, A=m,
    ),
    # --- more --------------------------------------------------------------------------------
    identity(
        "xᵀ(A⊗B)c", lambda x, A, B, c: x @ (np.kron(A, B) @ c), "(A ⊗ B)c",
        lambda x, A, B, c: np.kron(A, B) @ c,
        x="f64[n*p]", A="f64[n, d]", B="f64[p, q]", c="f64[d*q]",
    ),
    identity(
        "‖(A⊗B)x − c‖²", lambda x, A, B, c: np.sum((np.kron(A, B) @ x - c) ** 2),
        "2(Aᵀ ⊗ Bᵀ)((A ⊗ B)x − c)",
        lambda x, A, B, c: 2 * np.kron(A, B).T @ (np.kron(A, B) @ x - c),
        x="f64[d*q]", A="f64[n, d]", B="f64[p, q]", c="f64[n*p]",
    ),
    identity(
        "Gaussian", lambda x, mu, P: -0.5 * ((x - mu) @ P @ (x - mu)), "−1/2 · (P + Pᵀ)(x − mu)",
        lambda x, mu, P: -0.5 * (P + P.T) @ (x - mu), x=v, mu=v, P=m,
    ),
    identity(
        "1ᵀsqrt(x)", lambda x, a: a @ np.sqrt(x), "1/2 · a ⊘ √(x)",
        lambda x, a: a / (2 * np.sqrt(x)), x=v, a=v,
    ),
    identity(
        "aᵀ(x ⊘ y) by y", lambda y, x: np.sum(x / y), "−x ⊘ y∘²", lambda y, x: -x / y ** 2,
        y=v, x=v,
    ),
    identity(
        "KL", lambda q, p: np.sum(p * (np.log(p) - np.log(q))), "−p ⊘ q", lambda q, p: -p / q,
        q=v, p=v,
    ),
)
