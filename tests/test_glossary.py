"""The glossary names modules that exist: a module that moves takes its line in docs/glossary.md along."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEADING = re.compile(r"^## .*?((?:`[^`]+`(?:, )?)+)\)$")
NAMED = re.compile(r"`([a-z_/]+\.(?:py|sql))`")


def named_paths() -> list[tuple[str, str]]:
    """Each path in the last column of a table, with the folders that the heading above it names."""
    found: list[tuple[str, str]] = []
    folders = ""
    for line in (ROOT / "docs" / "glossary.md").read_text().splitlines():
        if heading := HEADING.match(line):
            folders = heading[1].replace("`", "")
        elif line.startswith("|"):
            found += [(folders, path) for path in NAMED.findall(line.split("|")[-2])]
    return found


@pytest.mark.parametrize(("folders", "path"), named_paths())
def test_a_path_in_the_glossary_leads_to_a_module(folders: str, path: str) -> None:
    places = [ROOT / folder for folder in (*folders.split(", "), "libs/schemas", "libs/kernel")]
    assert any((place / path).is_file() for place in places), "name where it lies now"
