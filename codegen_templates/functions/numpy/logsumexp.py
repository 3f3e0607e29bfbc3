def _logsumexp(values, axis):
    """log(sum(exp(values))) over the axes, without overflow."""
    largest = np.max(values, axis=axis, keepdims=True, initial=-np.inf)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(values - largest), axis=axis))
    return total + np.squeeze(largest, axis=axis)
