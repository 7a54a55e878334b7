"""Loads named SQL statements from the `.sql` file beside a module.

Each statement begins with a line `-- name: <name>`. A line `-- include: <name>` stands for the statement of that name,
which comes before it: a part that several share, under the same numbers of parameters.
"""

import re
from pathlib import Path
from typing import Final

INCLUDE: Final = re.compile(r"^[ ]*-- include: (\w+)$", re.MULTILINE)


def named(path: Path) -> dict[str, str]:
    """Name → statement. Comments stay in the statements, because pg_stat_activity shows them. Raises `KeyError` for an
    included part that does not come before.
    """
    statements: dict[str, str] = {}
    for part in path.read_text().split("-- name: ")[1:]:
        name, _, statement = part.partition("\n")
        whole = INCLUDE.sub(lambda found: statements[found[1]], statement.strip())
        statements[name.strip()] = whole
    return statements
