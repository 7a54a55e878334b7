"""Arguments, environment, context, default: the first that says something wins."""

from pathlib import Path

import pytest
from makima_local import context
from makima_local.context import Context
from makima_sdk import Connection, UnknownContextError
from makima_sdk.connection import UnreadableSecretError


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
        "http://there", "nats://here", None
    )
    assert Connection.default(
        environ={**environ, "MAKIMA_URL": "http://there", "MAKIMA_TOKEN": "theirs"}
    ) == Connection("http://there", "nats://here", "theirs")


def test_a_contexts_login_at_the_broker_goes_with_its_own_token_alone(environ: dict[str, str]) -> None:
    """A daemon with a token of its own logged in as the administrator of the context, who may answer nobody."""
    context.remember(Context("local", "http://here", "nats://admin:secret@here:1", token="mine"))
    for env, nats_url in (
        ({}, "nats://admin:secret@here:1"),
        ({"MAKIMA_TOKEN": "mine"}, "nats://admin:secret@here:1"),
        ({"MAKIMA_TOKEN": "theirs"}, "nats://here:1"),
        ({"MAKIMA_TOKEN": "theirs", "MAKIMA_NATS_URL": "nats://me:mine@here"}, "nats://me:mine@here"),
    ):
        assert Connection.default(environ={**environ, **env}).nats_url == nats_url


@pytest.mark.parametrize(
    "elsewhere",
    ["http://there", "https://here", "http://here:81", "http://here.there", "http://here@there", "here"],
)
def test_a_contexts_token_goes_to_its_own_address_alone(environ: dict[str, str], elsewhere: str) -> None:
    assert Connection.default(url=elsewhere, environ=environ).token is None
    assert Connection.default(environ={**environ, "MAKIMA_URL": elsewhere}).token is None


@pytest.mark.parametrize("same", ["http://here/", "http://HERE", "http://here:80"])
def test_its_own_address_may_be_written_in_another_way(environ: dict[str, str], same: str) -> None:
    assert Connection.default(url=same, environ=environ).token == "mine"


def test_a_token_and_the_brokers_address_may_lie_in_files(environ: dict[str, str], tmp_path: Path) -> None:
    for name, text in (("token", "of a file\n"), ("nats", "nats://me:secret@there\n"), ("empty", "\n")):
        (tmp_path / name).write_text(text)
    files = {"MAKIMA_TOKEN_FILE": str(tmp_path / "token"), "MAKIMA_NATS_URL_FILE": str(tmp_path / "nats")}
    assert Connection.default(environ={**environ, **files}) == Connection(
        "http://here", "nats://me:secret@there", "of a file"
    )
    assert Connection.default(environ={**environ, **files, "MAKIMA_TOKEN": "set"}).token == "set"
    for wrong, says in (("missing", "cannot be read"), ("empty", "is empty")):
        with pytest.raises(UnreadableSecretError, match=f"MAKIMA_TOKEN_FILE names {says}"):
            Connection.default(environ={**environ, "MAKIMA_TOKEN_FILE": str(tmp_path / wrong)})


def test_an_unknown_context_names_those_that_are_known(environ: dict[str, str]) -> None:
    with pytest.raises(UnknownContextError, match="far"):
        Connection.default(context="fra", environ=environ)
