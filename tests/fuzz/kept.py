"""Programs whose derivatives were wrong once, made small: source, arguments, what was wrong."""

KEPT: list[tuple[str, tuple, str]] = [
    (
        "def f(x):\n    v = np.reshape(x[[0, 1, 2, 0]], (4, 1))\n    return np.sum(np.exp(v))\n",
        ([-1.0, 0.2, -0.7],),
        "axes were merged for one reshape that another one also had: the Hessian was an outer product",
    ),
    (
        "def f(x):\n    return np.sum(x) ** 2 * np.sum((x > 0) * (x > -5))\n",
        ([0.5, -1.0, 2.0, 3.0],),
        "a sum of products of truth values was emitted as their `@`, which in NumPy is True, not a number",
    ),
    (
        "def f(x):\n    m = np.array([True, False, True])\n    v = m * x[0]\n    return np.vdot(v, v)\n",
        ([0.5, -1.0],),
        "the same with a captured array of truth values",
    ),
]
