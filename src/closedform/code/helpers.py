"""Functions that code needs and formulas do not have: the emitted module defines those that it calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.special


@dataclass(frozen=True)
class Helper:
    """A function by the text that defines it.

    source       NumPy text; the function comes last in it
    elsewhere    text for the other idioms, which cannot branch on values; `source` if it is empty
    scalar       template of a call that does the same for numbers, in NumPy
    elementwise  whether it acts on each entry alone
    """

    source: str
    elsewhere: str = ""
    scalar: str = ""
    elementwise: bool = True

    def text(self, idiom: str) -> str:
        """The definition in an idiom, its modules still named as in NumPy."""
        return self.elsewhere if self.elsewhere and idiom != "numpy" else self.source

    @property
    def call(self) -> Callable[..., Any]:
        """The function itself."""
        namespace: dict[str, Any] = {"np": np, "scipy": scipy}
        exec(self.source, namespace)  # the library's own text
        function: Callable[..., Any] = namespace[re.findall(r"^def (\w+)", self.source, re.MULTILINE)[-1]]
        return function


SUMS_WITHOUT = '''
def sums_without(v):
    """For each entry of v the sum of the others."""
    zero = np.zeros(1, v.dtype)
    return np.concatenate((zero, np.cumsum(v[:-1]))) + np.concatenate((np.cumsum(v[:0:-1])[::-1], zero))
'''

SECOND_BY_SVD = '''
def second_cofactors_by_svd(X):
    """The second derivative of the determinant of any square matrix, from its singular values."""
    U, s, Vt = np.linalg.svd(X)
    sign = np.linalg.slogdet(U)[0] * np.linalg.slogdet(Vt)[0]
    one = np.eye(len(s))
    others = np.prod(np.where(one[:, None] + one > 0, np.ones_like(s), s), -1) * sign
    others = np.where(one > 0, np.zeros_like(s), others)
    products = U.T[:, :, None] * Vt[:, None, :]
    minors = np.tensordot(products, np.tensordot(others, products, 1), ((0,), (0,)))
    return minors - np.swapaxes(minors, 1, 3)
'''

HELPERS: Mapping[str, Helper] = MappingProxyType(
    {
        "sech": Helper('''
def sech(z):
    """1 / cosh(z), without overflow."""
    u = np.exp(-abs(z))
    return 2 * u / (1 + u * u)
'''),
        "expit_slope": Helper('''
def expit_slope(z):
    """expit(z) * (1 - expit(z)), without cancellation."""
    u = np.exp(-abs(z))
    v = 1 + u
    return u / (v * v)
'''),
        "log_cosh": Helper(
            '''
def log_cosh(z):
    """log(cosh(z)), without overflow or cancellation."""
    with np.errstate(over="ignore"):
        v = 2 * np.square(np.sinh(z / 2))
    if np.max(v, initial=0) < np.inf:
        return np.log1p(v)
    return np.where(v < np.inf, np.log1p(v), abs(z) - 0.6931471805599453)
''',
            '''
def log_cosh(z):
    """log(cosh(z)), without overflow or cancellation."""
    s = np.sinh(np.where(abs(z) < 80, z, 0) / 2)
    return np.where(abs(z) < 80, np.log1p(2 * s * s), abs(z) - 0.6931471805599453)
''',
        ),
        "log1mexp": Helper('''
def log1mexp(z):
    """log(1 - exp(z)) for z < 0, without cancellation."""
    return -np.log1p(-np.exp(z) / np.expm1(z))
'''),
        "log1p_square": Helper(
            '''
def log1p_square(x):
    """log(1 + x * x), also where the square is too large for a number."""
    with np.errstate(over="ignore"):
        square = x * x
    if np.max(square, initial=0) < np.inf:
        return np.log1p(square)
    return np.where(square < np.inf, np.log1p(square), 2 * np.log(abs(x) + 1))
''',
            '''
def log1p_square(x):
    """log(1 + x * x), also where the square is too large for a number."""
    small = np.where(abs(x) < 1e15, x, 0)
    return np.where(abs(x) < 1e15, np.log1p(small * small), 2 * np.log(abs(x) + 1))
''',
        ),
        "root_of_squares": Helper(
            '''
def root_of_squares(a, b):
    """sqrt(a * a + b * b), also where a square is too large or too small for a number."""
    with np.errstate(over="ignore"):
        s = a * a + b * b
    limits = np.finfo(np.result_type(s, 1.0))
    if limits.tiny / limits.eps < s.min(initial=1) and s.max(initial=1) <= limits.max:
        return np.sqrt(s)
    return np.hypot(a, b)
''',
            '''
def root_of_squares(a, b):
    """sqrt(a * a + b * b), also where a square is too large or too small for a number."""
    large, small = np.maximum(abs(a), abs(b)), np.minimum(abs(a), abs(b))
    ratio = small / np.where(large > 0, large, 1)
    return large * np.sqrt(1 + ratio * ratio)
''',
            scalar="np.hypot({0}, {1})",
        ),
        "projection": Helper(
            SUMS_WITHOUT
            + '''

def projection(u, v):
    """sum(u * v) * I - outer(u, v) for v in the direction of u, without cancellation."""
    p = -np.outer(u, v)
    p.flat[:: len(u) + 1] = sums_without(u * v)
    return p
''',
            '''
def projection(u, v):
    """sum(u * v) * I - outer(u, v)."""
    return (u @ v) * np.eye(len(u)) - np.outer(u, v)
''',
            elementwise=False,
        ),
        "covariance": Helper(
            SUMS_WITHOUT
            + '''

def covariance(p):
    """diag(p) - outer(p, p) for p with the sum 1, without cancellation."""
    c = -np.outer(p, p)
    c.flat[:: len(p) + 1] = p * sums_without(p)
    return c
''',
            '''
def covariance(p):
    """diag(p) - outer(p, p)."""
    return np.diag(p) - np.outer(p, p)
''',
            elementwise=False,
        ),
        "log_of_softmax": Helper(
            '''
def log_of_softmax(z, axis):
    """z - log(sum(exp(z))) along an axis, without cancellation for the entry that is nearly the sum."""
    z = z - np.max(z, axis=axis, keepdims=True)
    others = np.exp(z)
    np.put_along_axis(others, np.expand_dims(np.argmax(z, axis=axis), axis), 0, axis=axis)
    return z - np.log1p(np.sum(others, axis=axis, keepdims=True))
''',
            '''
def log_of_softmax(z, axis):
    """z - log(sum(exp(z))) along an axis."""
    z = z - np.amax(z, axis=axis, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))
''',
            elementwise=False,
        ),
        "others": Helper(
            SUMS_WITHOUT
            + '''

def others(p):
    """I - outer(1, p) for p with the sum 1, without cancellation."""
    d = np.tile(-p, (len(p), 1))
    d.flat[:: len(p) + 1] = sums_without(p)
    return d
''',
            '''
def others(p):
    """I - outer(1, p)."""
    return np.eye(len(p)) - p
''',
            elementwise=False,
        ),
        "second_cofactors": Helper(
            SECOND_BY_SVD
            + '''

def second_cofactors(X):
    """(C_ij C_kl - C_il C_kj) / det X for C = cof X: the second derivative of the determinant."""
    if not np.linalg.cond(X, 1) < 1e3:
        return second_cofactors_by_svd(X)
    inverse = np.linalg.inv(X).T
    minors = inverse[:, :, None, None] * inverse - inverse[:, None, None, :] * inverse.T[:, :, None]
    return np.linalg.det(X) * minors
''',
            SECOND_BY_SVD.replace("_by_svd", ""),
            elementwise=False,
        ),
        "regular_det": Helper(
            '''
def regular_det(X):
    """det X of matrices that are far from singular ones."""
    if not np.all(np.linalg.cond(X, 1) < 1e10):
        raise np.linalg.LinAlgError(
            "the formula divides by det X, and X is singular, or so near to it that no digits would be right"
        )
    return np.linalg.det(X)
''',
            '''
def regular_det(X):
    """det X of matrices that are far from singular ones, and not a number for others."""
    return np.where(np.linalg.cond(X, 1) < 1e10, np.linalg.det(X), np.nan)
''',
            elementwise=False,
        ),
        "euclidean_norm": Helper(
            '''
def euclidean_norm(v, axis):
    """sqrt(sum(v * v)) over axes, also where a square is too large or too small for a number."""
    whole = len(axis) == v.ndim
    with np.errstate(over="ignore"):
        s = np.vdot(v, v) if whole else np.sum(v * v, axis=axis)
    limits = np.finfo(np.result_type(v, 1.0))
    if limits.tiny / limits.eps < np.min(s, initial=1) and np.max(s, initial=1) <= limits.max:
        return np.sqrt(s)
    scale = np.max(abs(v), axis=axis, keepdims=True, initial=0)
    scale = np.where(scale > 0, scale, 1)
    return np.sqrt(np.sum(np.square(v / scale), axis=axis)) * scale.reshape(np.shape(s))
''',
            '''
def euclidean_norm(v, axis):
    """sqrt(sum(v * v)) over axes."""
    return np.sqrt((v * v).sum(axis))
''',
            elementwise=False,
        ),
    }
)
