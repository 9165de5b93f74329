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
    (
        "def f(x):\n    v = np.all(np.reshape(x[[0, 1, 0, 1]], (2, 2)), axis=0) * np.sum(x)\n"
        "    return np.vdot(v, v)\n",
        ([0.5, -1.0],),
        "the same with np.all",
    ),
    (
        "def f(x0):\n    v = np.arctan2(x0, 1 + x0**2)\n"
        "    return np.sum(scipy.special.logit(0.5 + np.einsum('i,j->ij', x0, v)))\n",
        ([2.2, 0.3],),
        "the sign of a difference of two squares was lost",
    ),
    (
        "def f(x):\n    return np.array([0, x[1], 1.0])[-1] * x[0]\n",
        ([0.5, -1.0],),
        "the last entry of a stack, counted from the end, was zero",
    ),
    (
        "def f(x):\n    return np.sum(np.log1p(np.array([[0.75]]) + x))\n",
        ([0.5],),
        "one over an array that was being assembled was scaled in place",
    ),
    (
        "def f(x):\n    return np.sum(np.prod(2 + np.tanh(np.reshape(x, (2, 1))), axis=0))\n",
        ([0.5, -1.0],),
        "the products of the others, of positive numbers in columns, mixed up their axes",
    ),
    (
        "def f(x, y):\n    v = np.logical_xor(1.5, y) * x\n    return np.sum(np.concatenate((v**2, v)))\n",
        ([0.5], [[0.6]]),
        "numbers were added to an array of truth values",
    ),
    (
        "def f(x):\n    return np.sum(x * np.logaddexp(np.zeros(2), np.zeros(2)))\n",
        ([0.5, -1.0],),
        "softplus at a constant zero has no terms",
    ),
    (
        "def f(x):\n    p = x @ x.T\n    q = p.copy()\n    q[1:] = p[:-1] ** 2\n"
        "    e = np.exp(np.concatenate(p @ q, axis=0))\n    return np.sum((e / np.sum(e)) ** 2)\n",
        ([[2.5, -1.5], [1.5, 2.0]],),
        "a sum that stays whole did not cancel against its multiple: the softmax was lost and overflowed",
    ),
    (
        "def f(x, y):\n    return (y[0] * np.sum(np.exp(x)) + y[1]) / np.sum(np.exp(y))\n",
        ([0.5, -1.0, 0.3], [0.2, -0.7]),
        "a sum of exponentials was divided by one of another length as a softmax: sizes did not fit",
    ),
    (
        "def f(x):\n    v = x + x.T\n    for k in range(1, len(v)):\n        v[k] = 0.5 * v[k]\n"
        "    return np.sum(v)\n",
        ([[1.1, -0.1], [0.1, 0.0]],),
        "a half was taken from an array of whole numbers, as no argument gave its type",
    ),
    (
        "def f(x):\n    c = np.reshape(np.ravel(x)[[0, 0, 0]], (3, 1, 1))\n"
        "    v = np.any(c, axis=1, keepdims=True) * x\n"
        "    e = np.exp(v)\n    p = e / np.sum(np.exp(v))\n"
        "    return np.sum(p * np.exp(v) / (1 + np.exp(v))) + np.sum(v)\n",
        (0.8,),
        "truth values were negated, as the operand before them in the product is one to divide by",
    ),
    (
        "def f(x):\n    return np.sum(np.arctan2(np.tan(x), 1 + x * np.sum(x)))\n",
        ([0.3, 0.2],),
        "a difference of squares with a number in it was taken apart as if all its factors had axes",
    ),
    (
        "def f(x):\n    y = np.argsort(np.array([0.36, -2.78, 0.71]) + x) * x\n    y[0] *= y[-1]\n"
        "    return np.sum(y)\n",
        (1.1,),
        "a fraction was added to an entry of an array of integers, which dropped it",
    ),
    (
        "def f(x):\n    v = x @ x.T + np.eye(x.shape[0])\n    return np.sum(v[1:] ** 2)\n",
        ([[-1.5, -0.3], [-0.1, -0.2]],),
        "a slice of the identity was taken for a product",
    ),
    (
        "def f(x):\n    v = np.diag(x)\n    return np.sum(np.sin(v[::-1] * v) ** 2)\n",
        ([0.5, -0.3, 0.7],),
        "the diagonal of a reversal lost both its axes where a part was taken of a sum",
    ),
    (
        "def f(x):\n    y = np.argsort(x, axis=0) * np.sum(x)\n    z = np.diag(np.diag(y))\n"
        "    return np.sum(np.maximum(y, z) ** 2)\n",
        ([[0.5, -1.0], [0.3, 0.7]],),
        "an array of integers was multiplied by a fraction in place",
    ),
    (
        "def f(x):\n    v = np.exp2(x)\n    v[::2] -= np.sum(v)\n    return np.sum(np.convolve(v, v))\n",
        ([-1.7, 1.7],),
        "the product with a matrix of zeros had no factors to choose the shorter transposes from",
    ),
]
