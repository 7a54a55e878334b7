"""The committed pages are what the code says now."""

from makima_schemas.errors import HTTP_STATUS, MEMBERS, WHEN, ErrorCode

from tests.generated.figures import README, readme
from tests.generated.pages import FOLDER, PAGES, stale


def test_the_generated_pages_are_fresh() -> None:
    assert stale() == [], "run `make docs` and commit"


def test_the_readme_shows_what_was_measured() -> None:
    assert README.read_text() == readme(), "run `make docs` and commit"


def test_every_page_in_the_folder_is_a_generated_one() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_every_error_has_a_status_and_a_meaning() -> None:
    assert set(HTTP_STATUS) == set(WHEN) == set(ErrorCode)
    assert set(MEMBERS) <= set(ErrorCode)
