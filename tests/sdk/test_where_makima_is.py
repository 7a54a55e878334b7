"""Arguments, environment, context, default: the first that says something wins."""

from pathlib import Path

import pytest
from makima_local import context
from makima_local.context import Context
from makima_sdk import Connection, UnknownContextError


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    context.remember(Context("local", "http://here", "nats://here", token="mine"))
    context.remember(Context("far", "http://far", "nats://far"))
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def test_nothing_said_means_what_makima_up_does_by_default(tmp_path: Path) -> None:
    assert Connection.default(environ={"XDG_CONFIG_HOME": str(tmp_path)}) == Connection(
        "http://127.0.0.1:8420", "nats://127.0.0.1:4222", None
    )


def test_the_current_context_is_read_from_where_makima_up_wrote_it(environ: dict[str, str]) -> None:
    assert Connection.default(environ=environ) == Connection("http://here", "nats://here", "mine")


def test_a_context_can_be_named(environ: dict[str, str]) -> None:
    assert Connection.default(environ={**environ, "MAKIMA_CONTEXT": "far"}).url == "http://far"
    assert Connection.default(context="far", environ=environ).url == "http://far"


def test_the_environment_wins_over_the_context(environ: dict[str, str]) -> None:
    assert Connection.default(environ={**environ, "MAKIMA_URL": "http://there"}) == Connection(
        "http://there", "nats://here", "mine"
    )


def test_an_unknown_context_names_those_that_are_known(environ: dict[str, str]) -> None:
    with pytest.raises(UnknownContextError, match="far"):
        Connection.default(context="fra", environ=environ)
