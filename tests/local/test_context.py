"""`contexts.toml`: what `makima up` leaves there for CLI and SDK."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from makima_local import context
from makima_local.context import Context
from makima_local.data_folder import DataFolder


@pytest.fixture(autouse=True)
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def made(name: str, data_dir: str = "/data") -> Context:
    return Context(
        name, "http://127.0.0.1:8420", "nats://127.0.0.1:4222", "postgresql:///makima", None, data_dir
    )


def test_what_is_remembered_is_read_again_and_the_first_one_that_runs_is_current(tmp_path: Path) -> None:
    first = made("local", str(tmp_path / "data"))
    DataFolder(tmp_path / "data").prepare()
    with DataFolder(tmp_path / "data").held():
        context.remember(first)
        context.remember(made("other", "/elsewhere"))
    found = context.load()
    assert found.current == "local"
    assert found.by_name == {"local": first, "other": made("other", "/elsewhere")}


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    context.remember(made("local"))
    assert stat.S_IMODE(context.file().stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "makima").iterdir()] == ["contexts.toml"]


def test_a_forgotten_current_context_leaves_none_current() -> None:
    context.remember(made("local"))
    context.forget("local")
    assert context.load() == context.Contexts(None, {})


def test_the_default_data_folder_is_local_and_another_gets_its_own_name() -> None:
    assert context.name_for(DataFolder.default().path) == "local"
    assert context.name_for(Path("/srv/my team")) == "my-team"
    assert context.name_for(Path("/srv/local")) == "local-2"


def test_two_folders_of_one_name_get_two_contexts_and_each_keeps_its_own() -> None:
    context.remember(made(context.name_for(Path("/a/demo")), "/a/demo"))
    context.remember(made(context.name_for(Path("/b/demo")), "/b/demo"))
    assert set(context.load().by_name) == {"demo", "demo-2"}
    assert context.name_for(Path("/a/demo")) == "demo"
    assert context.name_for(Path("/b/demo")) == "demo-2"


def test_local_becomes_current_in_place_of_another_data_folder_but_not_of_a_system_elsewhere() -> None:
    context.remember(made("other", "/elsewhere"))
    context.remember(made("local"))
    assert context.load().current == "local"
    elsewhere = Context("team", "https://makima.example", "nats://makima.example")
    context.save(context.Contexts("team", {**context.load().by_name, "team": elsewhere}))
    context.remember(made("local"))
    assert context.load().current == "team"


def test_systems_that_start_at_once_all_get_in() -> None:
    with ThreadPoolExecutor(8) as together:
        list(together.map(context.remember, [made(f"system-{number}", f"/{number}") for number in range(32)]))
    assert len(context.load().by_name) == 32


def test_a_local_context_whose_system_was_killed_yields_to_a_living_one(tmp_path: Path) -> None:
    for name in ("dead", "alive", "later"):
        DataFolder(tmp_path / name).prepare()
        (tmp_path / name / "lock").write_text("7")
    context.remember(Context("dead", "http://a", "nats://a", data_dir=str(tmp_path / "dead")))
    with DataFolder(tmp_path / "alive").held():
        context.remember(Context("alive", "http://b", "nats://b", data_dir=str(tmp_path / "alive")))
        assert context.load().current == "alive"
        context.remember(Context("later", "http://c", "nats://c", data_dir=str(tmp_path / "later")))
        assert context.load().current == "alive"
