"""Arrays that share memory: what is assigned through one is read through the other, as in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from tests.dense import central_differences, evaluate

import closedform as cf
from closedform.errors import ClosedformError, InvalidArgumentError, InvalidFunctionError, UnsupportedError

x = np.random.default_rng(5).uniform(0.3, 1.5, (3, 4))
WEIGHTS = np.random.default_rng(6).standard_normal((3, 4))

# What is done to z, a copy of the argument x; the function is made of what z holds at the end.
PROGRAMS = {
    "overlapping rows": "z[1:] = z[:-1]",
    "overlapping columns": "z[:, 1:] *= z[:, :-1]",
    "reversed": "z[:] = z[::-1]",
    "transposed onto itself": "z[:3, :3] = z[:3, :3].T",
    "a row": "z[0] = z[-2]",
    "rows are not swapped": "z[0], z[1] = z[1], z[0]",
    "copied rows are swapped": "z[0], z[1] = z[1].copy(), z[0].copy()",
    "numbers are swapped": "v = z[0]; v[0], v[1] = v[1], v[0]",
    "rows are swapped by position": "z[[0, 1]] = z[[1, 0]]",
    "a row by name": "v = z[0]; v[1] = z[1, 1] ** 2; v *= 3",
    "a view of a view": "v = z[1:]; w = v[0, ::2]; w[:] = w * z[2, :2]; z[1, 0] *= w[1]",
    "written below, read above": "v = z[1:]; w = v.T; z *= x; z[1, 1] = 3.0; z[2] += w[0].sum() * v[0]",
    "rows and columns of brackets": "z[1][2] = z[2][1] ** 2; z[1][1:][0] = 5.0; z[-1][...] = z[0]",
    "the transpose": "z.T[1] = z[:, 0] ** 2; z.T[2] += 1",
    "axes": "np.swapaxes(z, 0, 1)[0] = 2.0; np.moveaxis(z, 0, 1)[1:, 1] *= z[1, 1]",
    "flat": "z.reshape(-1)[::5] = 0; z.ravel()[2] = z[1, 1] ** 2; w = z.reshape(2, 6); w[1] *= 2",
    "a flat view is kept": "w = z.reshape(4, 3); z *= x; w[1:, 0] += w[0, 1] * z[0, 0]",
    "flat copies": "w = z.T.reshape(-1); w[0] = 9.0; z[1] *= w[:4]; z.flatten()[0] = 3.0",
    "Fortran's order": "y = np.copy(x.T); z = y.T; y.reshape(-1)[0] = 4; z.ravel('F')[1] = 5; y[3] = z[:, 1]",
    "a transpose that is copied": "y = x.T.copy(); y.ravel()[1] = y[2, 2] ** 2; z = y.T",
    "orders of memory": "y = np.array(x.T); y.ravel('K')[1] = 5; z = y.T[::-1]; w = z.ravel('K'); w[0] = 3",
    "an order that stays": "y = x.T.copy('F'); y[[0, 0]] *= x.T[:2]; y.reshape(-1)[1] = 3; z = y.T",
    "more axes than the part": "z[0] = z[None, 1:2]; z[1:] = x[None, None, 1:] ** 2",
    "lists": "z[0] = [x[0, 0] ** 2, 1.0, 2.0, x[1, 1]]; z[1:] = [[x[0, 0]], [3.0]]; z[:, 0] = [1, 2, 3]",
    "the same memory": "z.view()[0] = z.real[1] ** 2; np.real(z)[2] += 1; w = z.conj(); w[1, 1] = 4",
    "entries by their places": "for i, v in np.ndenumerate(x):\n    z[i] = v * z[i[0], i[1] - 1]",
    "one row for two": "z[:-1] = z[:-1][:-1] ** 2; z[1:] *= z[:-1][:-1]",
    "a size that grows": "n = x.shape[1]; m = n; n -= 1; n += m - 2; z[:, :n - 3] *= 2; z[0] *= n",
    "a part that is reshaped": "z[1:].reshape(-1)[3] = z[0, 0] ** 2; z[:, 1:].reshape(-1)[0] = 7",
    "flipped": "np.flip(z)[0] = z[1]; np.fliplr(z)[0, 0] = 2.0; z[::-1, ::2][1] *= x[0, ::2]",
    "turned": "np.rot90(z)[0] = z[:, 0]; np.rot90(z, 2)[0, 1] = 5.0",
    "new axes": "z[None][0, 1] = z[0] ** 2; np.expand_dims(z, 1)[2, 0] += 1; np.atleast_3d(z)[0, 0] = 3",
    "squeezed": "np.squeeze(z[:, 1:2])[1] = z[0, 0]; w = np.squeeze(z[:1, :1]); w += 2; w[...] *= z[1, 1]",
    "whole": "a = z[:]; a *= x; b = z[...]; b[1] = a[0] ** 2",
    "rows in a loop": "for r in z:\n    r -= r.mean()",
    "numbers in a loop": "for r in z:\n    for v in r:\n        v *= 2",
    "rows and their names": "for i, r in enumerate(z):\n    r[i] = i * r[0]\n    z[0, 3] += r[1]",
    "halves": "a, b = np.split(z, 2, 1); a[0] = 0; b += a; a[1] = b[1] ** 2",
    "parts": "for k, part in enumerate(np.array_split(z, 2)):\n    part *= k + 1",
    "results put into parts": "np.exp(x[0], out=z[1]); np.multiply(z[1:], z[:-1], out=z[1:])",
    "shapes that grow": "np.exp(x[0], out=z)",
    "added at positions": "np.add.at(z[1], [0, 2, 2], x[0, :3]); np.add.at(z.T, [1, 1], 2.0)",
    "sorted in place": "z[0].sort(); z.T[1].sort()",
    "the diagonal": "w = np.diag(z[:3, :3]); z[0] *= 2; z[2, :3] = w; np.fill_diagonal(z[:, 1:], w)",
    "a mask": "w = z[1:]; w[w > 0.8] = 0.0; z[z < 0.5] *= 2",
    "numbers are no views": "a = z[0, 0]; b = a; a += z[1, 1]; z[0, 0] = 5.0; z[2, 2] = a * b",
    "sums are no views": "a = z.sum(); b = a; a *= 2; z[0] = a - b ** 2",
    "copies by position": "w = z[[0, 1]]; w[0] = 3.0; z[1] *= w[0] * w[1]",
    "taken": "w = np.take(z, 1, axis=0); w[0] = 3.0; z[1] *= w",
    "of a mesh": "a, b = np.meshgrid(z[0], z[:, 0]); z[0] = 3.0; z *= a * b",
    "spread": "w = np.broadcast_to(z[0], (3, 4)); z[0] = z[1] ** 2; z *= w",
    "one array by two names": "a = z; a += x; z[0] = a[1]; a[2] = 4.0",
    "as an array": "a = np.asarray(z); a[0] = 3; b = np.array(z); b[1] = 2; c = np.ravel(z); c[4] = b[1, 1]",
    "the last holder": "z = (x * 2.0)[:, :]; z[0] = 1.0",
    "a row named twice": "z[[0, 0]] = x[[1, 2]]",
    "a row changed twice": "z[[0, 0, 1]] += x; z[:, [1, 1]] *= 2",
    "entries named twice": "z[[0, 2, 0], [1, 1, 1]] = x[0, :3] ** 2; z.T[[1, 1], 1:] = x[1:, :2]",
    "products at positions": "np.multiply.at(z, [0, 0, 1], x[0]); np.negative.at(z, ([1, 1, 2], [0, 0, 1]))",
    "the largest at positions": "np.maximum.at(z[1], [0, 2, 0], x[0, :3] * 1.1); np.divide.at(z, 2, x[0])",
    "rectangular diagonals": "np.fill_diagonal(z, x[1, :3]); np.fill_diagonal(z.T, 2.0, wrap=True)",
    "diagonals of cubes": "y = np.stack([x[:, :3]] * 3); np.fill_diagonal(y, x[0, :3]); z[0, :3] *= y[1, 1]",
    "put": "np.put(z, [0, 5, -1], x[1, :2] ** 2); z.put([1, 7, 9], [0.5, 2.0]); np.put(z.T, [-2], z[0])",
    "copied where": "np.copyto(z, x**2, where=x > 0.8); np.copyto(z[0], x[1])",
    "masked": "np.putmask(z, x > 0.8, x**2); np.putmask(z, x < 0.5, x[0, :3]); np.place(z, x > 1, [1.0, 2])",
    "flat entries": "z.flat[2] = x[0, 0] ** 2; z.T.flat[1:3] = z.flat[5:7]; z.flat = z.flat[::-1]",
    "sums put into parts": "np.sum(x, axis=0, out=z[1]); np.matmul(x, x.T, out=z[:, 1:]); z[0] = z[1]",
    "a grid": "z = np.linspace(0, 1, 4); z[1] = x[0, 0]; z *= x[1]; z = z + np.zeros((3, 1))",
    "a range": "y = np.arange(12.0).reshape(3, 4); y[1] = x[0]; y.T[2] += x[:, 0]; z = y",
    "numbers in a list": "y = np.array([[1.0, 2.0], [3.0, 4.0]]); y[1] += x[0, :2]; z[:2, :2] = y",
    "integers made floats": "y = np.array([1, 2, 3, 4], dtype=float); y[1] = x[0, 0]; z[1] = y",
    "a copy of a captured array": "y = np.array(W); y[1] = x[0]; z = y * np.copy(x)",
    "counters": "n = np.zeros(3, int); n[1] += 2; m = np.zeros((3, 4), bool); m[1] = True; z[m] *= n[1]",
    "integers like an array": "n = np.zeros_like(x, int); n[0] += 1; m = n > 0; z[m] *= n[0, 0]; z[n[0]] = 5",
    "filled": "z = np.zeros_like(x); r, s = z[0], z.T; r[:] = x[1]; s[1:, 1] = r[1:] * 2; r += s[:, 1]",
    "plain rows": "z = np.zeros((3, 4)); r = z[1]; r[1] = 2.0; z[0] = r; r[:] = x[0] * z[0, 1]",
    "Gauss": "for k in range(2):\n    for i in range(k + 1, 3):\n        z[i] -= z[k] * (z[i, k] / z[k, k])",
    "bubbles": "r = z[0]\nfor i in range(3):\n  if r[i] > r[i + 1]:\n    r[i], r[i + 1] = r[i + 1], r[i]",
    "strided copies": "y = x[:, ::2].reshape(-1)[:4].copy().reshape(2, 2); y.ravel()[0] = 5; z[:2, :2] = y",
    "a slice that is flat": "z[:, ::2].ravel()[0] = 5; z[::2].reshape(-1)[1] = 5; z.T.reshape(-1)[2] = 5",
    "made like a transpose": "y = np.full_like(x.T, 2.0); y[1:] = x.T[1:]; y.ravel()[1] = 5; z = y.T",
    "floats of a transpose": "y = x.T.astype(float); y.ravel()[1] = 5; z = y.T",
    "running": "for row in z:\n    for j in range(1, 4):\n        row[j] += 0.5 * row[j - 1]",
}


def program(text: str):
    """The program as a function of x that has no derivative which vanishes."""
    body = "\n".join(f"    {line}" for line in text.splitlines())
    source = f"def run(x):\n    z = x.copy()\n{body}\n    return np.sum(W * np.sin(z) + W * z**2)"
    namespace = {"np": np, "W": WEIGHTS}
    exec(source, namespace)
    return namespace["run"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_shares_memory_changes_together(name):
    f = program(PROGRAMS[name])
    np.testing.assert_allclose(evaluate(cf.trace(f, x).expr, {"x": x}), f(x), rtol=1e-12)
    gradient = cf.grad(f)
    expected = central_differences(f, x)
    np.testing.assert_allclose(gradient(x), expected, rtol=1e-6, atol=1e-8)
    v = np.random.default_rng(7).standard_normal(x.shape)
    along = (gradient(x + 1e-6 * v) - gradient(x - 1e-6 * v)) / 2e-6
    hessian = np.tensordot(cf.hessian(f)(x), v)
    np.testing.assert_allclose(hessian, along, rtol=1e-5, atol=1e-6)


# Programs that change what must not be changed.
REFUSED = {
    "argument": ("x[0] = 1", InvalidFunctionError, r"own argument 'x' \(in run, line .*x.copy"),
    "row": ("v = x[0]; v *= 2", InvalidFunctionError, "own argument 'x'"),
    "view of a view": ("x.T[1:].reshape(-1)[:] = 0; x[1:][0] = 1", InvalidFunctionError, "own argument 'x'"),
    "rows": ("for r in x:\n    r -= r.mean()", InvalidFunctionError, "own argument 'x'"),
    "as an array": ("np.asarray(x)[0] = 1", InvalidFunctionError, "own argument 'x'"),
    "diagonal": ("np.diag(z)[0] = 1", UnsupportedError, "diag.* shares its memory .*take a copy"),
    "spread": ("np.broadcast_to(z[0], (3, 4))[0] = 1", UnsupportedError, "broadcast_to .*take a copy"),
    "shape": ("z.shape = (12,)", InvalidFunctionError, r"write y = y.reshape"),
    "position": ("z[5] = 1", InvalidArgumentError, r"array of shape \(3, 4\) \(in run.*out of bounds"),
    "number": ("z[0, 0][...] = 1", InvalidFunctionError, "a number cannot be changed in place"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_must_not_be_changed_is_refused(name):
    text, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        cf.grad(program(text))(x)


def lying(array: np.ndarray, order: str) -> np.ndarray:
    """The same array in memory in C order, in Fortran's, or with gaps."""
    return np.repeat(array, 2, axis=1)[:, ::2] if order == "gaps" else np.array(array, order=order)


# Programs whose result may depend on how x lies in memory.
BY_MEMORY = {
    "copied": "z.ravel()[1] = 5; z.T.reshape(-1)[1] = 3",
    "copied in its order": "z = np.copy(x); z.reshape(-1)[1] = 5",
    "computed": "z = x + 1; z.T.ravel()[1] = 5",
    "a product": "y = x @ x.T; y.ravel()[1] = 5; z *= y[:, :1]",
    "like it": "z = np.zeros_like(x); z += x**2; z.ravel()[2] = 5",
    "read in its order": "z = x.ravel('K').reshape(3, 4); z = z * 2",
    "read in order A": "z = x.reshape(4, 3, order='A').T * 1.0",
    "no copy": "z = np.ascontiguousarray(x * 1.0); z[0] = x[1]",
    "rows alone": "z = x * 1.0; z[1] *= z[0]; z.T[2] = 3",
    "stacked": "y = np.exp(np.stack([x] * 3).transpose(1, 0, 2)); y.reshape(9, 4)[0, 1] = 5; z = y[:, 0]",
    "padded": "z = np.pad(x.T, 1); z.ravel()[8] = 5; z = z[1:-1, 1:-1].T",
    "the argument": "y = x.T.ravel(); y[1] = 5; z = y.reshape(4, 3).T",
}


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("name", BY_MEMORY)
def test_a_call_in_another_order_is_right_or_refused(name, order):
    f = program(BY_MEMORY[name])
    gradient = cf.grad(f)
    gradient(x)
    for other in (order, "gaps"):
        given = lying(x, other)
        try:
            found = gradient(given)
        except ClosedformError:
            assert other != "C"
            with pytest.raises(ClosedformError):
                cf.grad(f).at(given)
        else:
            expected = central_differences(lambda y, other=other: f(lying(y, other)), x)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
            np.testing.assert_array_equal(given, x)


def test_only_what_depends_on_the_order_of_memory_is_refused():
    fortran = np.asfortranarray(x)
    for name in ("copied", "a product", "rows alone"):
        gradient = cf.grad(program(BY_MEMORY[name]))
        np.testing.assert_array_equal(gradient(fortran), gradient(x))
    for name in ("copied in its order", "read in its order", "like it"):
        with pytest.raises(InvalidArgumentError, match=r"lie in memory.*np\.ascontiguousarray"):
            cf.grad(program(BY_MEMORY[name]))(fortran)
