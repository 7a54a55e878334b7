"""The administrator's token of a data folder: made once, for nobody else to read."""

from pathlib import Path

from makima_local.admin_token import admin_token


def test_it_is_made_once_and_kept_for_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "admin-token"
    token = admin_token(file)
    assert token.startswith("mk_")
    assert len(token) > 40
    assert admin_token(file) == token
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["admin-token"]


def test_where_it_was_deleted_there_is_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "admin-token"
    token = admin_token(file)
    file.write_text("\n")
    assert admin_token(file) != token
