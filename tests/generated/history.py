"""The fingerprint of every sample and dump in `tests/history`: what was shipped once can be added to, never
changed.
"""

import hashlib
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "history"
MANIFEST: Final = FOLDER / "SHA256SUMS"  # as `sha256sum --check` reads it


def recorded() -> dict[str, str]:
    """Sample → fingerprint, as committed."""
    lines = (line.split() for line in MANIFEST.read_text().splitlines()) if MANIFEST.exists() else ()
    return {name: digest for digest, name in lines}


def actual() -> dict[str, str]:
    return {
        str(path.relative_to(FOLDER)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (*FOLDER.glob("*/*.json"), *FOLDER.glob("databases/*.sql.xz"))
    }


def manifest() -> str:
    """New samples are added; what is recorded stays as it is, whatever its sample says now."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted({**actual(), **recorded()}.items()))
