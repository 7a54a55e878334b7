"""`makima contracts cleanup`: in a safe order, only after a question, and never a contract before its worktrees."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import asyncpg
import httpx
import pytest
from makima_completion_detector import app as completion_detector
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.cli.conftest import Makima
from tests.cli.on_a_terminal import on_a_terminal
from tests.services.gateway.batch.batches import contracts, statuses
from tests.services.gateway.harness import Gateways

Json = dict[str, object]


@pytest.fixture
async def detector(database: str, nats_url: str, gateways: Gateways) -> AsyncIterator[Gateways]:
    settings = Settings(database_url=database, nats_url=nats_url, stream_budget=0.01)
    async with Service.running(completion_detector.NAME, settings, completion_detector.build):
        yield gateways


async def run_by(
    gateways: Gateways, http: httpx.AsyncClient, contract: str, daemon: str, *, supervised: bool = True
) -> None:
    registered = SupervisorRegistered(contract, daemon, "k", SupervisorState.FAILED, "plan")
    joined = AgentJoined(contract, "builder", "k", daemon)
    stream, event = (f"supervisor-s-{contract}", registered) if supervised else (f"agent-{contract}", joined)
    position = await gateways.append(stream, event)
    await http.get("/contracts", headers={"Makima-Min-Position": str(position)})


def steps(value: object) -> dict[str, tuple[object, set[str]]]:
    """Operation → what it was applied to, and which were skipped."""
    told = cast("list[Json]", cast("Json", value)["steps"])
    return {
        str(step["operation"]): (
            set(cast("list[str]", step["affected_ids"])),
            {str(each["id"]) for each in cast("list[Json]", step["skipped"])},
        )
        for step in told
    }


async def test_it_shows_what_it_would_do_then_does_that_and_keeps_what_has_worktrees(
    makima: Makima, detector: Gateways, nats: Client
) -> None:
    async def keep(message: Msg) -> None:
        await message.respond(b'{"removed": 0, "kept": 1, "reason": "uncommitted\\u001b[2J"}')

    async def remove(message: Msg) -> None:
        await message.respond(b'{"removed": 1}')

    await nats.subscribe(subjects.daemon_signal("dirty", "cleanup_worktrees"), cb=keep)
    await nats.subscribe(subjects.daemon_signal("clean", "cleanup_worktrees"), cb=remove)
    await confirm_subscriptions(nats)
    http = detector.clients[0]
    ids = await contracts(
        http,
        gone=("start", "fail", "archive"),
        dirty=("start", "fail", "archive"),
        away=("start", "fail", "archive"),
        built=("start", "fail", "archive"),
        failed=("start", "fail"),
        running=("start",),
    )
    for name, daemon in (("gone", "clean"), ("dirty", "dirty"), ("away", "away")):
        await run_by(detector, http, ids[name], daemon)
    await run_by(detector, http, ids["built"], "away", supervised=False)
    options = ("--delete-archived", "--archive", "--older-than", "0s", "--format", "json")
    shown = await makima("contracts", "cleanup", *options)
    archived = {ids["gone"], ids["dirty"], ids["away"], ids["built"]}
    assert steps(shown.json) == {
        "cleanup_worktrees": (archived, set()),
        "archive_old": ({ids["failed"]}, set()),
        "cleanup_archived": (archived, set()),
    }
    assert (await statuses(http))["failed"] == "failed", "a dry run changes nothing"
    done = await makima("contracts", "cleanup", *options, "--no-dry-run", "--force")
    assert steps(done.json) == {
        "cleanup_worktrees": ({ids["gone"]}, {ids["dirty"], ids["away"], ids["built"]}),
        "archive_old": ({ids["failed"]}, set()),
        "cleanup_archived": ({ids["gone"]}, {ids["dirty"], ids["away"], ids["built"]}),
    }
    assert await statuses(http) == {
        "dirty": "archived",
        "away": "archived",
        "built": "archived",
        "failed": "archived",
        "running": "active",
    }
    told = await makima("contracts", "cleanup", "--all", "--older-than", "0s", "--no-dry-run", "--force")
    lines = told.out.splitlines()
    assert (
        f"skipped {ids['dirty']}: daemon dirty kept the worktree: uncommitted\\x1b[2J [UNAVAILABLE]" in lines
    )
    assert f"deleted {ids['failed']}" in lines
    assert lines[-3:] == [
        "cleared of worktrees: 0 contracts, 3 skipped",
        "archived: 0 contracts, 0 skipped",
        "deleted: 1 contract, 3 skipped",
    ]


async def test_it_changes_nothing_that_nobody_agreed_to(makima: Makima, gateways: Gateways) -> None:
    http = gateways.clients[0]
    await contracts(http, old=("archive",))
    alone = await makima("contracts", "cleanup", "--delete-archived", "--older-than", "0s", "--no-dry-run")
    assert (alone.exit, alone.out, "--force" in alone.err) == (2, "", True)
    for wrong in ((), ("--all", "--older-than", "soon")):
        ran = await makima("contracts", "cleanup", *wrong, "--format", "json")
        assert (ran.exit, cast("Json", ran.problem)["code"]) == (2, "USAGE")
    young = await makima("contracts", "cleanup", "--all", "--no-dry-run", "--force", "--format", "json")
    assert all(affected == set() for affected, _ in steps(young.json).values())
    assert await statuses(http) == {"old": "archived"}


async def test_what_is_to_be_done_is_asked_with_its_names_and_a_no_changes_nothing(
    makima: Makima, gateways: Gateways, environ: dict[str, str]
) -> None:
    http = gateways.clients[0]
    ids = await contracts(http, old=("archive",), failed=("start", "fail"))
    options = ("--archive", "--older-than", "0s")
    dry = await makima("contracts", "cleanup", *options)
    assert dry.out.splitlines() == [
        f"would be archived {ids['failed']}",
        "would be archived: 1 contract",
        "nothing was changed: add --no-dry-run to do it",
    ]
    command = ("contracts", "cleanup", *options, "--no-dry-run")
    refused = await asyncio.to_thread(on_a_terminal, b"n\n", environ, *command)
    assert f"will be archived: 1 contract\r\n  {ids['failed']}  failed\r\nGo on? [y/N]" in refused
    assert "archived:" not in refused.replace("will be archived:", "")
    assert (await statuses(http))["failed"] == "failed"
    done = await asyncio.to_thread(on_a_terminal, b"y\n", environ, *command)
    assert "\narchived: 1 contract, 0 skipped" in done
    assert (await statuses(http))["failed"] == "archived"


async def test_only_what_is_old_enough_is_cleaned_up_and_the_log_says_what_was_deleted(
    makima: Makima, detector: Gateways, pool: asyncpg.Pool
) -> None:
    http = detector.clients[0]
    ids = await contracts(http, old=("archive",), young=("archive",))
    await pool.execute(
        "update gateway.contracts set status_changed_at = status_changed_at - interval '8 days' where id = $1",
        ids["old"],
    )
    ran = await makima(
        "contracts", "cleanup", "--delete-archived", "--no-dry-run", "--force", "--format", "json"
    )
    assert steps(ran.json)["cleanup_archived"] == ({ids["old"]}, set())
    assert await statuses(http) == {"young": "archived"}
    deleted = await pool.fetch("select stream from event_log.events where type = 'ContractDeleted'")
    assert [str(row["stream"]) for row in deleted] == [f"contract-{ids['old']}"]
