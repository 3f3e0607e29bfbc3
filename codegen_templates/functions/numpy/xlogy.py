def _xlogy(x, y):
    """x*log(y), and 0 where x = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((x == 0.0) & ~np.isnan(y), 0.0, x * np.log(y))
