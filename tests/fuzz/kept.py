"""Programs whose derivatives were wrong once, made small: source, arguments, what was wrong."""

KEPT: list[tuple[str, tuple, str]] = []
