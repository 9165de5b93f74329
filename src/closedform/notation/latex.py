"""Being written."""
from closedform.expression.expr import Expr


def latex(expr: Expr) -> str:
    return repr(expr)
