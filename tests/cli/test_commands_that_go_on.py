"""A command that somebody waits with goes on while the gateway restarts; one that asks once gives up soon."""

import asyncio
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from makima_cli import session
from makima_cli.main import main
from makima_local import ports

from tests.sdk.http_server import server

AWAY = (503, '{"code": "UNAVAILABLE", "detail": "restarting"}')
PROXY_SAYS = (502, "<html>bad gateway</html>")
GONE = (404, '{"code": "CONTRACT_NOT_FOUND", "detail": "no such contract"}')


def _contract(status: str) -> tuple[int, str]:
    return 200, orjson.dumps(
        {"id": "w1", "status": status, "phase": "plan", "version": 1, "name": "x"}
    ).decode()


def _events(*names: str) -> tuple[int, str]:
    items = [
        {"type": f"makima.contract.{name}.v1", "streamversion": version, "time": "t"}
        for version, name in enumerate(names, 1)
    ]
    return 200, orjson.dumps({"items": items}).decode()


async def _asked(folder: Path, answers: list[tuple[int, str]], *arguments: str) -> tuple[int, str]:
    """Exit code and stdout of a command whose server gives these answers in turn."""
    left = iter(answers)
    port = ports.free()
    env = {"MAKIMA_URL": f"http://127.0.0.1:{port}", "XDG_CONFIG_HOME": str(folder), "MAKIMA_TOKEN": "mk_x"}
    async with server(port, lambda _: next(left)):
        ran = await asyncio.to_thread(CliRunner(env=env).invoke, main, ("contracts", *arguments))
    assert list(left) == []
    return ran.exit_code, ran.stdout


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a command that has no answer yet: a single refusal ends it."""
    monkeypatch.setattr(session, "GATEWAY_RETRY_SECONDS", 0.0)


@pytest.mark.parametrize("outage", [AWAY, PROXY_SAYS])
async def test_a_wait_goes_on(tmp_path: Path, outage: tuple[int, str]) -> None:
    answers = [_contract("active"), outage, outage, _contract("completed")]
    code, out = await _asked(tmp_path, answers, "wait", "w1", "--for", "completed", "--format", "json")
    assert (code, orjson.loads(out)["status"]) == (0, "completed")


async def test_followed_events_go_on(tmp_path: Path) -> None:
    answers = [_events("ContractCreated"), AWAY, _events("ContractCreated", "ContractStarted"), GONE]
    code, out = await _asked(tmp_path, answers, "events", "w1", "--follow")
    assert (code, "ContractStarted" in out) == (3, True)


async def test_a_watched_list_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("makima_cli.watching.REFRESH_SECONDS", 0.0)
    answers = [(200, '{"items": []}'), AWAY, (200, '{"items": []}'), GONE]
    code, out = await _asked(tmp_path, answers, "list", "--watch", "--format", "json")
    assert (code, out) == (3, "[]\n[]\n")


async def test_a_first_question_that_nobody_answers_ends_at_once(tmp_path: Path) -> None:
    assert (await _asked(tmp_path, [AWAY], "wait", "w1", "--for", "completed"))[0] == 8
