"""Each exit code of the commands, provoked."""

import asyncio
import signal

import pytest
from makima_cli import exits
from makima_local import ports

from tests.cli.conftest import Makima, Start
from tests.cli.contracts import create
from tests.cli.served import environ, gateways
from tests.generated.commands import EXIT_CODES

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("exit codes")]

AWAY = {"MAKIMA_URL": "http://127.0.0.1:{free}"}
# code, what is typed ({id}: a contract), and what is set for it
PROVOKED: list[tuple[int, str, dict[str, str]]] = [
    (exits.OK, "contracts show {id}", {}),
    (exits.USAGE, "contracts list --format xml", {}),
    (exits.USAGE, "contracts list --threshold soon", {}),  # 422 of the server
    (exits.USAGE, "contracts show ../tokens", {}),
    (exits.USAGE, "contracts list --context nobody", {}),
    (exits.NOT_FOUND, "contracts show nobodys", {}),
    (exits.NOT_FOUND, "context use nobodys", {}),
    (exits.FORBIDDEN, "contracts list", {"MAKIMA_TOKEN": "mk_wrong"}),  # 401
    (exits.FORBIDDEN, "token list", {}),  # 403
    (exits.REFUSED, "contracts resume {id}", {}),  # INVALID_TRANSITION
    (exits.REFUSED, "contracts start {id} --expected-version 99", {}),  # VERSION_CONFLICT
    (exits.FOUND_PROBLEMS, "doctor", AWAY),
    (exits.TIMED_OUT, "contracts wait {id} --for completed --timeout 0.1", {}),
    (exits.UNREACHABLE, "contracts list", AWAY),
]
# Where it is provoked otherwise.
ELSEWHERE = {
    exits.FAILED: "tests/cli/test_what_is_typed.py: stdout is closed, or its disk is full",
    exits.INTERRUPTED: "below",
}


@pytest.mark.parametrize(("code", "typed", "env"), PROVOKED)
async def test_the_exit_code_says_what_happened(
    makima: Makima, monkeypatch: pytest.MonkeyPatch, code: int, typed: str, env: dict[str, str]
) -> None:
    monkeypatch.setattr("makima_cli.session.GATEWAY_RETRY_SECONDS", 0.0)
    contract_id = (await create(makima, "a contract"))["id"]
    arguments = typed.format(id=contract_id).split()
    ran = await makima(*arguments, **{name: value.format(free=ports.free()) for name, value in env.items()})
    assert ran.exit == code, ran.err
    told = ran.out if code in {exits.OK, exits.FOUND_PROBLEMS} else ran.err
    assert told


async def test_ctrl_c_is_130(makima: Makima, process: Start) -> None:
    contract_id = (await create(makima, "a contract"))["id"]
    waiting = await process("contracts", "events", str(contract_id), "--follow")
    assert waiting.stdout is not None
    assert await asyncio.wait_for(waiting.stdout.readline(), 60)
    waiting.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(waiting.communicate(), 60)
    assert (waiting.returncode, err) == (exits.INTERRUPTED, b"")


async def test_every_exit_code_is_provoked() -> None:
    assert {code for code, _, _ in PROVOKED} | ELSEWHERE.keys() == EXIT_CODES.keys()
