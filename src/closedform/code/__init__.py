"""From expressions to programs: source text in the idiom of a library, and the functions it compiles to."""
