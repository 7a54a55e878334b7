"""`makima completion`: a shell completes commands, options, and the ids that the server has now."""

import asyncio
import os
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from makima_cli.completion import live
from makima_cli.main import main
from makima_kernel.installed_services import installed_services
from makima_kernel.testing.eventually import PATIENCE
from makima_local import context, ports
from makima_local.context import Context
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.events import InputAwaited
from makima_schemas.contract.model import ContractStatus

from tests.cli.conftest import Makima
from tests.cli.contracts import create
from tests.cli.served import environ, gateways
from tests.services.gateway.api.agent_events import join
from tests.services.gateway.harness import ADMIN, Gateways

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("completion")]

ASK = "import makima_cli.entry as e, sys; sys.argv[0] = 'makima'; e.main()"
TOKEN = "mk_of-the-context"


async def completed(typed: str, environ: Mapping[str, str]) -> list[str]:
    """What bash is offered after what was typed, as `type,value`."""
    words = typed.split(" ")
    asked = {"_MAKIMA_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ASK, env={**environ, **asked}, stdout=-1, stderr=-1
    )
    out, err = await made.communicate()
    assert (made.returncode, err) == (0, b"")
    return [line for line in out.decode().splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_the_script_of_each_shell_asks_makima(makima: Makima, shell: str) -> None:
    ran = await makima("completion", shell)
    assert (ran.exit, "_MAKIMA_COMPLETE" in ran.out, "makima" in ran.out) == (0, True, True)


async def test_ids_that_the_server_has_are_completed(
    makima: Makima, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "ANSWER_SECONDS", 30.0)  # for a machine that is busy
    contract_id = str((await create(makima, "one\x1b[31m\nid: two"))["id"])
    asked = {"_MAKIMA_COMPLETE": "zsh_complete", "COMP_WORDS": "makima contracts show ", "COMP_CWORD": "3"}
    live.register()
    ran = await asyncio.to_thread(CliRunner(env={**environ, **asked}).invoke, main, [], prog_name="makima")
    assert ran.stdout.splitlines() == ["plain", contract_id, r"one\x1b[31m\nid: two"]


async def test_whatever_a_server_has_is_offered_where_it_is_typed(
    makima: Makima, environ: dict[str, str], gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "ANSWER_SECONDS", 30.0)  # for a machine that is busy
    live.register()
    contract = str((await create(makima, "one", "--start"))["id"])
    position = await join(gateways, contract, "builder")
    http = gateways.clients[0]
    await http.get("/contracts", headers={"Makima-Min-Position": str(position)})
    asked = await http.post(
        f"/contracts/{contract}/questions", json={"question": "which?", "question_type": "text"}
    )
    key = f"{contract}/{asked.json()['id']}"
    confirmable = str((await create(makima, "two", "--start"))["id"])
    position = await gateways.append(f"contract-{confirmable}", InputAwaited("phase_confirmation"))
    await http.get("/contracts", headers={"Makima-Min-Position": str(position)})

    async def offered(typed: str) -> set[str]:
        words = {"COMP_WORDS": f"makima {typed}", "COMP_CWORD": str(len(typed.split(" ")))}
        env = {**environ, "_MAKIMA_COMPLETE": "zsh_complete", **words, "MAKIMA_TOKEN": ADMIN}
        ran = await asyncio.to_thread(CliRunner(env=env).invoke, main, [], prog_name="makima")
        return set(ran.stdout.splitlines()[1::3])

    assert f"{contract}/builder" in await offered("why ")
    assert await offered("needs-you --answer ") == {key}
    assert await offered("needs-you --confirm ") == {confirmable}
    assert await offered("contracts list --status active,bl") == {"active,blocked"}
    assert "dead_failed_revive" in await offered("agents list --status ")
    assert await offered(f"contracts wait {contract} --for comp") == {"completing", "completed"}
    assert await offered(f"contracts advance {contract} --phase ") == {"plan", "execute"}
    assert await offered(f"agent restart --contract {contract} --role ") == {"builder"}
    assert await offered("token create --role ad") == {"admin"}, "click knows the words of a choice"
    assert "all" in await offered("maintenance end ")
    assert await offered("ledger rebuild ga") == {"gateway"}


async def test_words_that_are_offered_without_a_server_are_all_that_there_are() -> None:
    assert set(live.AGENT_STATUSES) == set(AgentStatus)
    assert set(live.STATUSES) == set(ContractStatus)
    assert set(live.PROJECTIONS) == {service.name for service in installed_services()}


async def test_commands_and_contexts_are_completed_without_a_server(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    context.remember(Context("work", "http://127.0.0.1:1", ""))
    assert await completed("makima contracts pau", environ) == ["plain,pause"]
    assert await completed("makima context use ", environ) == ["plain,work"]


async def test_a_server_that_is_away_or_hangs_costs_a_quarter_of_a_second_and_no_word(
    environ: dict[str, str],
) -> None:
    assert live.ANSWER_SECONDS <= 0.25
    away = {**environ, "MAKIMA_URL": f"http://127.0.0.1:{ports.free()}"}
    assert await completed("makima contracts show ", away) == []

    async def hang(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with asyncio.timeout(PATIENCE):  # it would hang for as long as the server does
            assert await completed("makima contracts show ", {**environ, "MAKIMA_URL": url}) == []


async def test_what_is_no_id_is_never_offered_and_a_contexts_token_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    body = b'{"items": [{"id": "$(reboot)", "name": "x"}, {"id": "a\\nplain,b", "name": "x"}]}'

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    context.remember(Context("local", "http://127.0.0.1:9", "", token=TOKEN))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKIMA_")}
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await completed(f"makima contracts show --url {url} ", clean) == []
    assert [TOKEN.encode() in request for request in heard] == [False]
