"""Loads named SQL statements from the `.sql` file beside a module.

Each statement begins with a line `-- name: <name>`.
"""

from pathlib import Path


def named(path: Path) -> dict[str, str]:
    """Name → statement. Comments stay in the statements, because pg_stat_activity shows them."""
    statements: dict[str, str] = {}
    for part in path.read_text().split("-- name: ")[1:]:
        name, _, statement = part.partition("\n")
        statements[name.strip()] = statement.strip()
    return statements
