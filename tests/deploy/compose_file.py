"""docker-compose.yml, read as text: what several tests look at."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()


def blocks(text: str, indent: int) -> dict[str, str]:
    """The lines of each key at this depth."""
    parts = re.split(rf"^ {{{indent}}}([a-z_-]+):", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


TOP = blocks(COMPOSE, 0)
SERVICES = blocks(TOP["services"], 2)
