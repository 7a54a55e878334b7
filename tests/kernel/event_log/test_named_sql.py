"""SQL under names, with parts that several statements share."""

from pathlib import Path

import pytest
from makima_kernel.event_log.named_sql import named


def test_a_part_stands_in_every_statement_that_includes_it(tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text(
        "-- name: part\na = $1\n  and b = $2\n\n-- name: all\nselect 1 where\n  -- include: part\n  and c\n\n"
        "-- name: count\n-- How many.\nselect 2 where\n-- include: part\n"
    )
    assert named(file) == {
        "part": "a = $1\n  and b = $2",
        "all": "select 1 where\na = $1\n  and b = $2\n  and c",
        "count": "-- How many.\nselect 2 where\na = $1\n  and b = $2",
    }


def test_a_part_that_nobody_has_named_before_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text("-- name: all\nselect 1 where\n-- include: part\n\n-- name: part\na\n")
    with pytest.raises(KeyError, match="part"):
        named(file)
