"""Being written."""
from closedform.expression.expr import Expr


def text(expr: Expr) -> str:
    return repr(expr)
