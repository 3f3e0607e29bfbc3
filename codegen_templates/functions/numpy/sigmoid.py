def _sigmoid(x):
    """1/(1 + exp(-x)) without overflow, accurate on both sides."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, small) / (1.0 + small)
