"""Losses of classifiers and of learned representations."""

import numpy as np
from scipy.special import erf, logsumexp, softmax

from examples.gallery.entry import Entry

__all__ = ["LEARNING"]


def cross_entropy(W, X, label):
    scores = X @ W
    return np.mean(logsumexp(scores, axis=1) - scores[np.arange(X.shape[0]), label])


def cross_entropy_gradient(W, X, label):
    hit = label[:, None] == np.arange(W.shape[1])
    return X.T @ ((softmax(X @ W, axis=1) - hit) / X.shape[0])


def smoothed_cross_entropy(Z, Y, eps):
    target = (1 - eps) * Y + eps / Y.shape[1]
    return np.sum(logsumexp(Z, axis=1) - np.sum(target * Z, axis=1))


def smoothed_cross_entropy_gradient(Z, Y, eps):
    return softmax(Z, axis=1) - (1 - eps) * Y - eps / Y.shape[1]


def focal(z, y, gamma):
    right = 1 / (1 + np.exp(-np.where(y, z, -z)))
    return -np.sum((1 - right) ** gamma * np.log(right))


def focal_gradient(z, y, gamma):
    right = 1 / (1 + np.exp(-np.where(y, z, -z)))
    wrong = 1 - right
    slope = wrong**gamma * (gamma * right * np.log(right) - wrong)
    return np.where(y, slope, -slope)


def dice(p, y):
    return 1 - 2 * np.sum(p * y) / (np.sum(p) + np.sum(y))


def dice_gradient(p, y):
    total = np.sum(p) + np.sum(y)
    return (2 * np.sum(p * y) / total - 2 * y) / total


def ranknet(s, P):
    return np.sum(P * np.log(1 + np.exp(s[None, :] - s[:, None])))


def ranknet_gradient(s, P):
    lost = P / (1 + np.exp(s[:, None] - s[None, :]))
    return np.sum(lost, axis=0) - np.sum(lost, axis=1)


def contrastive(A, B, tau):
    scores = A @ B.T / tau
    return np.mean(logsumexp(scores, axis=1) - np.diagonal(scores))


def contrastive_gradient(A, B, tau):
    return (softmax(A @ B.T / tau, axis=1) @ B - B) / (A.shape[0] * tau)


def triplet(A, P, N, margin):
    nearer = np.sum((A - P) ** 2 - (A - N) ** 2, axis=1)
    return np.sum(np.maximum(nearer + margin, 0))


def triplet_gradient(A, P, N, margin):
    nearer = np.sum((A - P) ** 2 - (A - N) ** 2, axis=1)
    active = np.where(nearer + margin > 0, 2.0, 0.0)
    return active[:, None] * (N - P)


def evidence(mu, log_variance, x):
    reconstruction = 0.5 * np.sum((x - mu) ** 2)
    divergence = -0.5 * np.sum(1 + log_variance - mu**2 - np.exp(log_variance))
    return reconstruction + divergence


def evidence_gradient(mu, log_variance, x):
    return mu - x + mu


def gaussian_divergence(mu, s, m, t):
    return np.sum(np.log(t / s) + (s**2 + (mu - m) ** 2) / (2 * t**2) - 0.5)


def gaussian_divergence_gradient(mu, s, m, t):
    return (mu - m) / t**2


def gelu(x):
    return np.sum(0.5 * x * (1 + erf(x / np.sqrt(2))))


def gelu_gradient(x):
    return 0.5 * (1 + erf(x / np.sqrt(2))) + x * np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)


def layer_norm(x, g):
    centred = x - np.mean(x)
    return g @ (centred / np.sqrt(np.mean(centred**2) + 1e-5))


def layer_norm_gradient(x, g):
    centred = x - np.mean(x)
    deviation = np.sqrt(np.mean(centred**2) + 1e-5)
    hat = centred / deviation
    return (g - np.mean(g) - hat * np.mean(g * hat)) / deviation


def attention(Q, K, V, W):
    share = softmax(Q @ K.T / np.sqrt(K.shape[1]), axis=1)
    return np.sum(W * (share @ V))


def attention_gradient(Q, K, V, W):
    share = softmax(Q @ K.T / np.sqrt(K.shape[1]), axis=1)
    share_bar = W @ V.T
    mean = np.sum(share * share_bar, axis=1, keepdims=True)
    return (share * (share_bar - mean)) @ K / np.sqrt(K.shape[1])


LEARNING = (
    Entry(
        "Softmax cross-entropy",
        cross_entropy,
        cross_entropy_gradient,
        {"W": "f64[d, c]", "X": "f64[n, d]", "label": "i64[n]"},
    ),
    Entry(
        "Cross-entropy with label smoothing",
        smoothed_cross_entropy,
        smoothed_cross_entropy_gradient,
        {"Z": "f64[n, c]", "Y": "f64[n, c]", "eps": "f64[]"},
    ),
    Entry("Focal loss", focal, focal_gradient, {"z": "f64[n]", "y": "bool[n]", "gamma": "f64[]"}),
    Entry("Dice loss", dice, dice_gradient, {"p": "f64[n]", "y": "f64[n]"}),
    Entry(
        "Pairwise ranking (RankNet)", ranknet, ranknet_gradient, {"s": "f64[n]", "P": "f64[n, n]"}
    ),
    Entry(
        "Contrastive loss (InfoNCE)",
        contrastive,
        contrastive_gradient,
        {"A": "f64[n, d]", "B": "f64[n, d]", "tau": "f64[]"},
    ),
    Entry(
        "Triplet loss",
        triplet,
        triplet_gradient,
        {"A": "f64[n, d]", "P": "f64[n, d]", "N": "f64[n, d]", "margin": "f64[]"},
    ),
    Entry(
        "Evidence lower bound of a variational autoencoder",
        evidence,
        evidence_gradient,
        {"mu": "f64[d]", "log_variance": "f64[d]", "x": "f64[d]"},
    ),
    Entry(
        "Divergence between Gaussians",
        gaussian_divergence,
        gaussian_divergence_gradient,
        {"mu": "f64[d]", "s": "f64[d]", "m": "f64[d]", "t": "f64[d]"},
    ),
    Entry("GELU", gelu, gelu_gradient, {"x": "f64[n]"}),
    Entry("Layer normalisation", layer_norm, layer_norm_gradient, {"x": "f64[d]", "g": "f64[d]"}),
    Entry(
        "Attention",
        attention,
        attention_gradient,
        {"Q": "f64[n, d]", "K": "f64[m, d]", "V": "f64[m, p]", "W": "f64[n, p]"},
    ),
)
