"""The commands that say how a contract is and why: `health`, `explain`, `why`, and `export`."""

import os
from pathlib import Path
from typing import cast

import orjson
import pytest
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas import subjects
from makima_schemas.agent import AgentStatus
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.msg import Msg

from tests.cli.conftest import Makima
from tests.cli.contracts import create
from tests.cli.served import environ, gateways
from tests.services.gateway.api.agent_events import become, join, silent
from tests.services.gateway.harness import Gateways
from tests.services.gateway.sender_samples import EVIDENCE, INTERRUPTED, WORKING

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("makima understands")]

EVIL = "\x1b]0;owned\x07\r\nfake line\u202egnp.exe\x9b2J"
OBEYED = {"\x1b", "\x07", "\r", "\u202e", "\x9b"}
Json = dict[str, object]


def lines(value: object) -> list[Json]:
    return cast("list[Json]", value)


async def seen(gateways: Gateways, position: int) -> None:
    """The gateway has read the log up to here."""
    await gateways.clients[0].get("/contracts", headers={"Makima-Min-Position": str(position)})


async def test_health_says_each_reason_with_its_proof_who_must_act_and_by_which_command(
    makima: Makima,
) -> None:
    contract = str((await create(makima, "one", "--start"))["id"])
    await makima("contracts", "block", contract, "--reason", EVIL)
    told = await makima("contracts", "health", contract)
    assert told.out.startswith(f"{contract} is stopped\n  [fact] BLOCKED: it is blocked: ")
    assert r"\x1b]0;owned\x07\r\nfake line\u202egnp.exe\x9b2J" in told.out
    assert f"proof: ContractBlocked of stream contract-{contract} at position" in told.out
    assert f"do:    makima contracts unblock {contract}" in told.out
    as_json = await makima("contracts", "health", contract, "--format", "json")
    assert cast("Json", as_json.json)["verdict"] == "stopped"
    compact = await makima("contracts", "health", contract, "--format", "compact")
    assert compact.out == f"{contract} stopped BLOCKED\n"
    for ran in (told, as_json, compact):
        assert not set(ran.out) & OBEYED


async def test_explain_shows_the_gate_as_a_tree_whose_lines_are_facts_or_inferences(
    makima: Makima, gateways: Gateways
) -> None:
    contract = str((await create(makima, EVIL, "--start"))["id"])
    await gateways.append(
        f"supervisor-s{contract}", SupervisorRegistered(contract, "d-explain", "k", WORKING, "plan")
    )
    silence = SupervisorStateChanged(
        contract, "d-explain", "k", WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    await seen(gateways, await gateways.append(f"supervisor-s{contract}", silence))
    told = await makima("contracts", "explain", contract)
    assert told.out.splitlines()[1:4] == [
        "├─ [fact] status active, phase plan, next execute",
        "├─ [fact] it advances by itself once the gate is satisfied",
        "├─ [fact] the gate of phase plan is not satisfied",
    ]
    assert "│  └─ [fact] GATE_OPEN: phase plan needs Deliverable: plan-document" in told.out
    assert "[inference] SUPERVISOR_SILENT: " in told.out
    assert f"do:  makima contracts restart-supervisor {contract}" in told.out
    assert not set(told.out) & OBEYED
    explained = cast("Json", (await makima("contracts", "explain", contract, "--format", "json")).json)
    assert {line["kind"] for line in lines(explained["gate"])} == {"fact"}
    assert all(
        line["who"] and line["act"] for line in [*lines(explained["gate"]), *lines(explained["reasons"])]
    )


async def test_a_gate_is_explained_also_of_what_is_not_at_work(makima: Makima) -> None:
    contract = str((await create(makima, "one"))["id"])
    explained = cast("Json", (await makima("contracts", "explain", contract, "--format", "json")).json)
    assert [line["text"] for line in lines(explained["gate"])] == [
        "phase plan needs Deliverable: plan-document"
    ]
    assert "NOT_STARTED" in {line["code"] for line in lines(explained["reasons"])}


async def test_explain_names_what_the_gate_asks_for_met_or_not_and_whose_turn_it_is(
    makima: Makima, gateways: Gateways
) -> None:
    contract = str((await create(makima, "one", "--start"))["id"])
    http, route = gateways.clients[0], f"/contracts/{contract}"
    await http.post(f"{route}/deliverables/plan-document/complete", json={})
    await join(gateways, contract, "builder")
    made = await http.post(f"{route}/tasks", json={"name": "write it", "role": "builder"})
    other = await http.post(f"{route}/tasks", json={"name": "read it"})
    assert (made.status_code, other.status_code) == (201, 201)
    told = (await makima("contracts", "explain", contract)).out.splitlines()
    conditions = [line.partition("[fact] ")[2] for line in told if line[3:].startswith(("├─", "└─"))]
    assert "✓ deliverable Plan document: met" in conditions
    assert "· task write it: missing, waits for agent builder (ready)" in conditions
    assert "· task read it: missing, waits for an agent (not there)" in conditions


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("--guard",),
            "the phase guard is on: you, or another person who may change this contract confirms each phase",
        ),
        (
            ("--no-auto-complete",),
            "automatic advance is off: you, or another person who may change this contract advances it",
        ),
        ((), "it advances by itself once the gate is satisfied"),
    ],
)
async def test_explain_says_what_moves_the_contract_on(
    makima: Makima, options: tuple[str, ...], says: str
) -> None:
    contract = str((await create(makima, "one", "--start", *options))["id"])
    assert f"├─ [fact] {says}" in (await makima("contracts", "explain", contract)).out.splitlines()


async def test_why_shows_the_evidence_chain_of_a_verdict_on_an_agent(
    makima: Makima, gateways: Gateways
) -> None:
    contract = str((await create(makima, "one", "--start"))["id"])
    await join(gateways, contract, "builder")
    await silent(gateways, contract, "builder")
    await seen(
        gateways, await become(gateways, contract, "tester", AgentStatus.READY, "join", old=AgentStatus.DEAD)
    )
    told = await makima("why", f"{contract}/builder")
    assert told.out.startswith(f"agent {contract}/builder is DEAD, since ")
    assert "concluded from silence" in told.out
    assert "└─ [inference] " in told.out
    assert "ready → dead  (AgentStatusChanged of" in told.out
    assert "[fact] its last heartbeat reached the broker at" in told.out
    assert "[fact] its timeout is 120.0 s: the next one was due by" in told.out
    evidence = cast("Json", (await makima("why", f"{contract}/builder", "--format", "json")).json)
    assert lines(evidence["verdicts"])[0]["new_status"] == "dead"


async def test_why_shows_the_evidence_chain_of_a_verdict_on_a_daemon(
    makima: Makima, gateways: Gateways
) -> None:
    contract = str((await create(makima, "one", "--start"))["id"])
    registered = SupervisorRegistered(contract, "d-why", "k", WORKING, "plan")
    await gateways.append(f"supervisor-w{contract}", registered)
    await gateways.append("daemon-d-why", DaemonConnected("a.host"))
    await seen(gateways, await gateways.append("daemon-d-why", DaemonDisconnected(EVIDENCE)))
    told = await makima("why", "d-why")
    assert told.out.startswith("daemon d-why is disconnected")
    assert "connected → disconnected" in told.out
    lost = await makima("why", contract, "--format", "json")
    assert (lost.exit, "CONTRACT_ID/ROLE" in str(cast("Json", lost.problem)["hint"])) == (3, True)
    assert (await makima("why", f"{contract}/nobody")).exit == 3


async def test_an_export_to_a_file_is_whole_or_not_there(makima: Makima, tmp_path: Path) -> None:
    contract = str((await create(makima, EVIL, "--start"))["id"])
    file = tmp_path / "out.json"
    ran = await makima("contracts", "export", contract, "--output", str(file))
    assert cast("Json", ran.json)["output"] == str(file)
    whole = file.read_bytes()
    document = orjson.loads(whole)
    assert (document["contract"]["name"], document["version"]) == (EVIL, 2)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (await makima("contracts", "export", "nobody", "--output", str(file))).exit == 3
    assert file.read_bytes() == whole
    assert os.listdir(tmp_path) == ["out.json"]  # noqa: PTH208 - asyncio
    nowhere = await makima("contracts", "export", contract, "--output", str(tmp_path / "no" / "out.json"))
    assert (nowhere.exit, nowhere.out, "is no folder" in nowhere.err) == (2, "", True)
    assert cast("Json", (await makima("contracts", "export", contract)).json)["events"] == document["events"]


async def test_a_supervisor_that_nobody_heard_cannot_be_restarted(makima: Makima) -> None:
    contract = str((await create(makima, "one", "--start"))["id"])
    ran = await makima("contracts", "restart-supervisor", contract, "--format", "json")
    assert (ran.exit, cast("Json", ran.problem)["code"]) == (3, "SUPERVISOR_NOT_FOUND")


async def test_why_does_not_deny_an_agent_that_its_daemon_gave_up(makima: Makima, gateways: Gateways) -> None:
    contract = str((await create(makima, "one", "--start"))["id"])
    await join(gateways, contract, "builder", daemon="daemon-grace")
    status = AgentStatus.DEAD_FAILED_REVIVE
    await seen(gateways, await become(gateways, contract, "builder", status, "reported"))
    told = (await makima("why", f"{contract}/builder")).out
    assert told.startswith(f"agent {contract}/builder is DEAD (UNRECOVERABLE), since ")
    assert (
        "[fact] daemon daemon-grace said that its restarts failed; nobody starts it again by itself" in told
    )
    assert f"makima agent restart --contract {contract} --role builder" in told
    assert "never concluded" not in told


async def test_a_supervisor_is_restarted_by_its_daemon(makima: Makima, gateways: Gateways) -> None:
    there = gateways.replicas[0].settings
    settings = Settings(database_url=there.database_url, nats_url=there.nats_url, stream_budget=0.01)
    heard: list[bytes] = []

    async def hear(message: Msg) -> None:
        heard.append(message.data)
        await message.respond(b"{}")

    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        contract = str((await create(makima, "one", "--start"))["id"])
        registered = SupervisorRegistered(contract, "d-restart", "k", WORKING, "plan")
        await gateways.append(f"supervisor-r{contract}", registered)
        await seen(gateways, await gateways.append("daemon-d-restart", DaemonConnected("a.host")))
        nats = gateways.replicas[0].nats
        await nats.subscribe(subjects.daemon_signal("d-restart", "restart"), cb=hear)
        await confirm_subscriptions(nats)
        ran = await makima("contracts", "restart-supervisor", contract, "--reason", "it hangs")
        as_json = await makima("contracts", "restart-supervisor", contract, "--format", "json")
    assert (ran.exit, ran.out) == (0, f"daemon d-restart is asked to restart supervisor r{contract}\n")
    assert (as_json.exit, cast("Json", as_json.json)["daemon_id"]) == (0, "d-restart")
    assert [contract in each.decode() for each in heard] == [True, True]
