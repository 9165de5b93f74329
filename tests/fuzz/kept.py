"""Programs whose derivatives were wrong once, made small: source, arguments, what was wrong."""

KEPT: list[tuple[str, tuple, str]] = [
    (
        "def f(x):\n    v = np.reshape(x[[0, 1, 2, 0]], (4, 1))\n    return np.sum(np.exp(v))\n",
        ([-1.0, 0.2, -0.7],),
        "axes were merged for one reshape that another one also had: the Hessian was an outer product",
    ),
]
