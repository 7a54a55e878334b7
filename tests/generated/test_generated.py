"""The committed pages are what the code says now."""

from makima_schemas.errors import HTTP_STATUS, MEMBERS, WHEN, ErrorCode

from tests.generated import figures
from tests.generated.pages import FOLDER, PAGES, stale


def test_the_generated_pages_are_fresh() -> None:
    assert stale() == [], "run `make docs` and commit"


def test_the_figures_shown_are_those_that_were_measured() -> None:
    for path, text in figures.pages().items():
        assert path.read_text() == text, f"{path.name}: run `make docs` and commit"


def test_every_page_in_the_folder_is_a_generated_one() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_every_error_has_a_status_and_a_meaning() -> None:
    assert set(HTTP_STATUS) == set(WHEN) == set(ErrorCode)
    assert set(MEMBERS) <= set(ErrorCode)
