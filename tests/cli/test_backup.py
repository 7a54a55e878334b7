"""`makima backup` and `makima restore`, on the real Postgres and NATS of a data folder."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import asyncpg
import pytest
from makima_local import context
from makima_local.context import Context
from makima_local.nats import Nats
from makima_local.nats_users import NatsUsers
from makima_local.postgres import DATABASE

from tests.cli.installation import Installation, problem, run
from tests.cli.up_process import Begin


@pytest.fixture
async def installation(folder: Path) -> Installation:
    return Installation(folder / "data")


async def test_what_was_backed_up_while_it_ran_is_there_again_with_a_new_epoch(
    folder: Path, installation: Installation
) -> None:
    await installation.fill("before")
    epoch = await installation.epoch()
    ran = await run(folder, "backup", "kept.dump", "--data-dir", str(installation), "--format", "json")
    file = folder / "kept.dump"
    size = file.stat().st_size
    assert (ran.exit, ran.json) == (
        0,
        {"file": str(file), "bytes": size, "epoch": epoch, "events": 0, "head": 0},
    )
    assert "database.backed_up" in ran.err
    assert file.stat().st_mode & 0o777 == 0o600, "it holds hashes of tokens"
    assert installation.postgres.running(), "it was running before"
    await installation.fill("after")
    await installation.postgres.stop()
    back = await run(
        folder, "restore", "kept.dump", "--replace", "--data-dir", str(installation), "--format", "json"
    )
    assert back.exit == 0, back.err
    said = cast("Mapping[str, object]", back.json)
    assert (said["data_dir"], said["events"], said["head"]) == (str(installation), 0, 0)
    assert "database.restored" in back.err
    assert not installation.postgres.running(), "it was started for this alone"
    assert await installation.content() == ["before"]
    assert said["epoch"] == await installation.epoch() != epoch
    await installation.postgres.stop()


async def test_a_folder_where_nothing_runs_is_backed_up_and_restored_elsewhere(
    folder: Path, installation: Installation
) -> None:
    await installation.fill("one")
    await installation.postgres.stop()
    ran = await run(folder, "backup", "kept.dump", "--data-dir", str(installation))
    assert (ran.exit, ran.out.startswith(f"{folder}/kept.dump holds 0 events, up to position 0 of ")) == (
        0,
        True,
    )
    assert not installation.postgres.running()
    other = Installation(folder / "other")
    back = await run(folder, "restore", "kept.dump", "--data-dir", str(other))
    assert back.exit == 0, back.err
    assert f"start it: makima up --data-dir {other}" in back.out
    assert await other.content() == await installation.content() == ["one"]


async def test_neither_a_file_nor_a_database_is_replaced_unless_that_is_said(
    folder: Path, installation: Installation
) -> None:
    await installation.fill("mine")
    file = folder / "kept.dump"
    file.write_text("of yesterday")
    arguments = (str(file), "--data-dir", str(installation), "--format", "json")
    refused = await run(folder, "backup", *arguments)
    assert (refused.exit, problem(refused)["code"]) == (5, "CONFLICT")
    assert "--overwrite" in problem(refused)["detail"]
    assert file.read_text() == "of yesterday"
    assert (await run(folder, "backup", *arguments, "--overwrite")).exit == 0
    await installation.fill("and more")
    refused = await run(folder, "restore", *arguments)
    assert (refused.exit, problem(refused)["code"]) == (5, "CONFLICT")
    assert "--replace" in problem(refused)["detail"]
    assert await installation.content() == ["and more", "mine"]
    await installation.postgres.stop()
    assert not [name for name in os.listdir(folder) if name.startswith(".")]  # noqa: PTH208 - not async


async def test_nothing_is_restored_while_services_run_and_a_backup_is_made(
    folder: Path, begin: Begin
) -> None:
    up = await begin()
    ran = await run(folder, "backup", "kept.dump")  # the current context's
    assert ran.exit == 0, ran.err
    refused = await run(folder, "restore", "kept.dump", "--replace", "--format", "json")
    assert (refused.exit, problem(refused)["code"]) == (5, "CONFLICT")
    assert f"already (pid {up.process.pid}): stop it" in problem(refused)["detail"]
    assert await up.stop() == 0
    back = await run(folder, "restore", "kept.dump", "--replace")
    assert back.exit == 0, back.err
    again = await begin()
    connection = await asyncpg.connect(str(again.ready["database_url"]))
    owners = await connection.fetch(
        "select distinct tableowner from pg_tables where schemaname = 'event_log' and tablename = 'events'"
    )
    await connection.close()
    assert [owner["tableowner"] for owner in owners] == ["makima_log"], "each role has its tables again"


async def test_programs_that_a_killed_makima_left_keep_their_database(
    folder: Path, installation: Installation
) -> None:
    await installation.fill("theirs")
    assert (await run(folder, "backup", "kept.dump", "--data-dir", str(installation))).exit == 0
    left = await asyncpg.connect(installation.postgres.dsn(DATABASE))
    refused = await run(folder, "restore", "kept.dump", "--replace", "--data-dir", str(installation))
    assert (refused.exit, refused.out) == (5, "")
    assert "programs are connected to the database, as postgres: end them first" in refused.err
    await left.close()
    assert await installation.content() == ["theirs"]
    await installation.postgres.stop()


async def test_a_file_that_is_no_backup_or_is_torn_changes_nothing(
    folder: Path, installation: Installation
) -> None:
    await installation.fill("mine")
    assert (await run(folder, "backup", "whole.dump", "--data-dir", str(installation))).exit == 0
    whole = (folder / "whole.dump").read_bytes()
    (folder / "torn.dump").write_bytes(whole[:-1])
    (folder / "none.dump").write_text("none")
    await installation.fill("more")
    for name in ("none.dump", "torn.dump"):
        ran = await run(
            folder, "restore", name, "--replace", "--data-dir", str(installation), "--format", "json"
        )
        assert (ran.exit, problem(ran)["code"]) == (1, "BACKUP_FAILED"), name
        assert await installation.content() == ["mine", "more"]
    await installation.postgres.stop()


async def test_the_dump_of_another_database_is_no_backup(folder: Path, installation: Installation) -> None:
    installation.folder.prepare()
    await installation.postgres.start()
    connection = await asyncpg.connect(await installation.postgres.ensure_database(DATABASE))
    await connection.execute("create schema event_log; create table event_log.identity (epoch uuid)")
    await connection.execute("create table event_log.events (position bigint)")
    await connection.execute("insert into event_log.identity values (gen_random_uuid())")
    await connection.execute("create schema gateway; create table gateway.kept (what text)")
    await connection.close()
    assert (await run(folder, "backup", "odd.dump", "--data-dir", str(installation))).exit == 0
    connection = await asyncpg.connect(installation.postgres.dsn(DATABASE))
    await connection.execute("drop table event_log.identity")
    await connection.close()
    other = Installation(folder / "other")
    ran = await run(folder, "restore", "odd.dump", "--data-dir", str(other))
    assert (ran.exit, ran.out) == (1, "")
    await installation.postgres.stop()


@pytest.mark.parametrize("command", ["backup", "restore"])
async def test_a_database_that_makima_does_not_run_is_left_to_its_own_tools(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (folder / "kept.dump").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    context.remember(Context("work", "http://127.0.0.1:9", "nats://127.0.0.1:9"))
    context.remember(
        Context(
            "mine", "http://127.0.0.1:9", "nats://127.0.0.1:9", "postgresql://db/makima", None, str(folder)
        )
    )
    for options, env in (
        ((), {"MAKIMA_DATABASE_URL": "postgresql://db/makima"}),
        (("--context", "work"), {}),
        (("--context", "mine"), {}),
    ):
        ran = await run(folder, command, "kept.dump", *options, "--format", "json", **env)
        assert (ran.exit, problem(ran)["code"]) == (2, "USAGE"), options
        assert "pg_dump --format=custom --no-owner --no-privileges" in problem(ran)["detail"]
        assert "makima ledger new-epoch" in problem(ran)["detail"]


async def test_what_is_not_there_is_named(folder: Path) -> None:
    empty = str(folder / "empty")
    ran = await run(folder, "backup", "kept.dump", "--data-dir", empty, "--format", "json")
    assert (ran.exit, problem(ran)["code"]) == (3, "NOT_FOUND")
    assert empty in problem(ran)["detail"]
    assert "empty" not in os.listdir(folder)  # noqa: PTH208 - not async
    assert (await run(folder, "backup", "none/kept.dump", "--data-dir", empty)).exit == 2
    assert (await run(folder, "restore", "none.dump", "--data-dir", empty)).exit == 3
    assert (await run(folder, "backup", "kept.dump", "--context", "nobody")).exit == 2


async def test_a_restore_without_its_broker_says_that_the_epoch_is_missing(
    folder: Path, installation: Installation
) -> None:
    await installation.fill("mine")
    assert (await run(folder, "backup", "kept.dump", "--data-dir", str(installation))).exit == 0
    await installation.postgres.stop()
    arguments = ("restore", "kept.dump", "--replace", "--data-dir", str(installation))
    ran = await run(folder, *arguments, MAKIMA_NATS_URL="nats://127.0.0.1:9")
    assert (ran.exit, ran.out) == (1, "")
    assert "the database is restored, but its log has no new epoch" in ran.err
    broker = Nats(folder / "broker", tied=True, users=NatsUsers(folder / "broker"))
    await broker.start()
    assert (await run(folder, *arguments, MAKIMA_NATS_URL=broker.url_of("admin"))).exit == 0
    await broker.stop()
