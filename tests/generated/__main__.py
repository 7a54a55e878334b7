"""`python -m tests.generated --write` writes the generated pages; without it, says which are stale and fails."""

import argparse
import sys

from makima_kernel.telemetry import logs

from tests.generated import figures, folds
from tests.generated.history import MANIFEST, manifest
from tests.generated.pages import FOLDER, PAGES, stale
from tests.generated.proto import SNAPSHOT, refreshed


def main() -> int:
    logs.configure("docs", "error")  # of the services that are started for their AsyncAPI document
    parser = argparse.ArgumentParser(prog="python -m tests.generated")
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name, page in PAGES.items():
            (FOLDER / name).write_text(page())
        for path, text in figures.pages().items():
            path.write_text(text)
        SNAPSHOT.write_text(refreshed())
        MANIFEST.write_text(manifest())
        folds.MANIFEST.write_text(folds.manifest())
        return 0
    sys.stdout.writelines(f"stale: docs/generated/{name}\n" for name in stale())
    return 1 if stale() else 0


if __name__ == "__main__":
    sys.exit(main())
