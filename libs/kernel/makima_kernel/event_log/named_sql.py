"""Named statements: one `.sql` file beside its module, each statement under `-- name: <name>`."""

from pathlib import Path


def named(path: Path) -> dict[str, str]:
    """Name → statement, comments included (they show in pg_stat_activity, where they help)."""
    statements: dict[str, str] = {}
    for part in path.read_text().split("-- name: ")[1:]:
        name, _, statement = part.partition("\n")
        statements[name.strip()] = statement.strip()
    return statements
