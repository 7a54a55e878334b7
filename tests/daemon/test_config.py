"""The settings of a daemon: what is wrong in them is said with its place, and with what was meant."""

from pathlib import Path

import pytest
from makima_daemon.config import ConfigError, load

GOOD = """
daemon_id = "laptop-1"
capacity = 4
workspace = "work"

[agents.builder]
command = ["sleep", "1"]
env = { MODEL = "large" }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "daemon.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = load(written(tmp_path, GOOD + "\n"))
    assert config.workspace == tmp_path / "work"
    assert config.repository is None
    assert config.agents["builder"].command == ("sleep", "1")
    assert config.agents["builder"].env == {"MODEL": "large"}


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert load(written(tmp_path, "\ufeff" + GOOD)).daemon_id == "laptop-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("capacity", "capacty"), "capacty is no setting: did you mean capacity?"),
        (GOOD.replace("command", "comand"), "agents.builder.comand is no setting: did you mean command?"),
        (GOOD.replace("capacity = 4", ""), "capacity is missing"),
        (GOOD.replace("= 4", "= 0"), "capacity: Input should be greater than or equal to 1"),
        (GOOD.replace("= 4", "= 129"), "capacity: Input should be less than or equal to 128"),
        (GOOD.replace("laptop-1", "../up"), "daemon_id: an id has 1 to 64 letters"),
        (GOOD.replace("agents.builder", 'agents."a/b"'), "an id has 1 to 64 letters"),
        (GOOD.replace('["sleep", "1"]', "[]"), "agents.builder.command"),
        (GOOD.replace("MODEL", "MAKIMA_TOKEN"), "MAKIMA_TOKEN is set by the daemon: leave it out"),
        (GOOD.replace("MODEL =", '"A=B" ='), "'A=B' is no name of an environment variable"),
        (GOOD.replace('"large"', '"a\\u0000b"'), "agents.builder.env.MODEL"),
        ("daemon_id = ", "cannot be read"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as told:
        load(path)
    assert said in str(told.value)
    assert str(path) in str(told.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml")
