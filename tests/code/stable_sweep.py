"""How often the code of this library, and that of others, is wrong where the true value is a normal number.

python -m tests.code.stable_sweep [COUNT] [SEED]

One row a function: for the value and the derivatives of orders 1 and 2, the share of the points (see
`closedform.comparison.stability`) at which an entry is not finite or has a relative error above 1e-10.
"""

from __future__ import annotations

import sys
import warnings

from closedform.comparison.stability import (
    ANSWERS,
    COMPOSITES,
    ELEMENTWISE,
    LIMITS,
    Tally,
    points_and_truth,
    tally,
)


def percent(found: Tally) -> str:
    """The share of the points that are wrong; "-" for a refusal."""
    if found.refusal:
        return "-"
    return f"{100 * found.failures / found.points:.0f}" if found.points else ""


def main(count: int = 1000, seed: int = 0) -> int:
    """Print the table; the exit code is 1 if the library is wrong at a point that no stated limit covers."""
    warnings.simplefilter("ignore")
    print(f"{'percent wrong, orders 0 1 2':42s}" + "".join(f"{engine:>15s}" for engine in ANSWERS))
    failures = []
    for case in [*ELEMENTWISE, *COMPOSITES]:
        points, true = points_and_truth(case, count, seed)
        row = f"{case.name:42s}"
        for engine in ANSWERS:
            found = {k: tally(engine, case, k, points, true[k]) for k in case.orders}
            row += f"{' '.join(f'{percent(t):>4s}' for t in found.values()):>15s}"
            if engine == "closed form":
                failures += [
                    f"{case.name}, order {k}: {t.worst:.1e}"
                    for k, t in found.items()
                    if t.failures and (case.name, k) not in LIMITS
                ]
        print(row, flush=True)
    print("\nStated limits:", *(f"{name}, order {k}: {why}" for (name, k), why in LIMITS.items()), sep="\n  ")
    print("\nWrong and not a stated limit:", *(failures or ["nothing"]), sep="\n  ")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in sys.argv[1:])))
