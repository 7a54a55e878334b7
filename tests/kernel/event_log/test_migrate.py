"""Migrations: forward, back, forward again; once, whoever runs them; and never over a changed history."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from makima_kernel.event_log.append import Appended
from makima_kernel.event_log.migrate import KERNEL_FOLDER, KERNEL_SCHEMA, all_schemas, migrate, rollback
from makima_kernel.event_log.migration_files import MigrationError
from makima_kernel.installed_services import installed_services
from makima_kernel.testing import PATIENCE, eventually
from makima_local.postgres import Postgres

from tests.installed import install_service
from tests.kernel.event_log.append_builders import call, command, event

CATALOGUE = """
select c.relkind::text, c.relname, coalesce(pg_get_indexdef(i.indexrelid), '') from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_index i on i.indexrelid = c.oid where n.nspname = $1
union all select 'column', table_name || '.' || column_name, data_type || coalesce(column_default, '') from information_schema.columns where table_schema = $1
union all select 'constraint', c.relname || '.' || k.conname, pg_get_constraintdef(k.oid) from pg_constraint k
    join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1
union all select 'function', p.proname, pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1
union all select 'trigger', t.tgname, pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and not t.tgisinternal
order by 1, 2, 3
"""


@pytest.fixture
async def empty(postgres_server: Postgres) -> AsyncGenerator[str]:
    """The DSN of a database in which nothing was ever made."""
    name = f"empty_{uuid4().hex}"
    yield await postgres_server.ensure_database(name)
    admin = await asyncpg.connect(postgres_server.dsn())
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations of a schema `shop`; the first one has both halves."""
    write(
        tmp_path,
        {
            "0001_shelves.pre": "create table shelves (id int primary key)",
            "0001_shelves.post": "insert into shelves values (1)",
            "0001_shelves.rollback": "drop table shelves",
            "0002_labels.pre": "alter table shelves add label text",
            "0002_labels.rollback": "alter table shelves drop label",
        },
    )
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql)


def forget(folder: Path, number: int) -> None:
    for file in folder.glob(f"{number:04}_*"):
        file.unlink()


def only_the_shop_installed(site: Path, migrations: Path) -> Path:
    migrations.rename(install_service(site, "shop") / "migrations")
    for installed in installed_services():
        install_service(site, installed.name, entry_point=False)
    return site


async def query(dsn: str, sql: str, *arguments: object) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(sql, *arguments)]
    finally:
        await connection.close()


async def test_every_schema_goes_forward_back_and_forward_again(empty: str) -> None:
    schemas = all_schemas()
    assert schemas[0] == (KERNEL_SCHEMA, KERNEL_FOLDER)
    for schema, folder in schemas:
        forward = await migrate(empty, folder, schema)
        made = await query(empty, CATALOGUE, schema)
        back = await rollback(empty, folder, schema, 0)
        assert {title.partition("_")[0] for title in back} == {title.partition("_")[0] for title in forward}
        left = {name for _, name, _ in await query(empty, CATALOGUE, schema)}
        assert {re.split(r"[._]", str(name))[0] for name in left} <= {"migrations"}, (
            f"{schema} leaves something behind"
        )
        assert await migrate(empty, folder, schema) == forward
        assert [row for row in await query(empty, CATALOGUE, schema) if "epoch" not in row] == [
            row for row in made if "epoch" not in row
        ]


async def test_pre_comes_before_post_and_both_before_the_next_number(empty: str, folder: Path) -> None:
    assert await migrate(empty, folder, "shop") == [
        "0001_shelves.pre",
        "0001_shelves.post",
        "0002_labels.pre",
    ]
    assert await migrate(empty, folder, "shop") == []
    assert await query(
        empty, "select number, stage, name from shop.migrations order by number, stage desc"
    ) == [
        (1, "pre", "shelves"),
        (1, "post", "shelves"),
        (2, "pre", "labels"),
    ]


async def test_a_rolling_deployment_runs_the_halves_apart(empty: str, folder: Path) -> None:
    assert await migrate(empty, folder, "shop", ["pre"]) == ["0001_shelves.pre", "0002_labels.pre"]
    assert await query(empty, "select * from shop.shelves") == []
    assert await migrate(empty, folder, "shop", ["post"]) == ["0001_shelves.post"]
    assert await query(empty, "select id from shop.shelves") == [(1,)]


async def test_a_rollback_stops_at_its_number(empty: str, folder: Path) -> None:
    await migrate(empty, folder, "shop")
    assert await rollback(empty, folder, "shop", 1) == ["0002_labels.rollback"]
    assert await query(empty, "select * from shop.shelves") == [(1,)]
    assert await migrate(empty, folder, "shop") == ["0002_labels.pre"]


async def test_two_runners_at_once_apply_each_file_once(empty: str, folder: Path) -> None:
    done = await asyncio.gather(*(migrate(empty, folder, "shop") for _ in range(4)))
    assert sorted(len(titles) for titles in done) == [0, 0, 0, 3]


async def test_a_failing_file_leaves_nothing_and_can_be_mended(empty: str, folder: Path) -> None:
    write(
        folder,
        {
            "0003_broken.pre": "create table half (id int); select 1 / 0",
            "0003_broken.rollback": "drop table half",
        },
    )
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty, folder, "shop")
    assert await query(empty, "select to_regclass('shop.half')::text") == [(None,)]
    write(folder, {"0003_broken.pre": "create table half (id int)"})
    assert await migrate(empty, folder, "shop") == ["0003_broken.pre"]


async def test_an_applied_file_must_not_change(empty: str, folder: Path) -> None:
    await migrate(empty, folder, "shop")
    write(folder, {"0002_labels.pre": "alter table shelves add label varchar"})
    with pytest.raises(MigrationError, match=r"0002_labels\.pre was changed"):
        await migrate(empty, folder, "shop")


async def test_an_older_build_does_not_run_over_a_newer_database(empty: str, folder: Path) -> None:
    await migrate(empty, folder, "shop")
    forget(folder, 2)
    with pytest.raises(MigrationError, match="its file is missing"):
        await migrate(empty, folder, "shop")


async def test_a_number_is_not_slipped_in_behind(empty: str, folder: Path) -> None:
    write(folder, {"0004_late.pre": "select 1", "0004_late.rollback": "select 1"})
    await migrate(empty, folder, "shop")
    write(folder, {"0003_early.pre": "select 1", "0003_early.rollback": "select 1"})
    with pytest.raises(MigrationError, match="give it the next number"):
        await migrate(empty, folder, "shop")


@pytest.mark.parametrize(
    "files", [{"0003_alone.pre": "select 1"}, {"3_short.pre": "select 1"}, {"0002_other.pre": "select 1"}]
)
async def test_a_folder_out_of_order_is_refused(empty: str, folder: Path, files: dict[str, str]) -> None:
    write(folder, files)
    with pytest.raises(MigrationError):
        await migrate(empty, folder, "shop")


async def test_a_migration_waits_for_a_reader_only_briefly_and_comes_again(empty: str, folder: Path) -> None:
    await migrate(empty, folder, "shop")
    write(folder, {"0003_more.pre": "alter table shelves add more text", "0003_more.rollback": "select 1"})
    reader = await asyncpg.connect(empty)
    async with reader.transaction():
        await reader.fetch("select * from shop.shelves")
        migration = asyncio.create_task(migrate(empty, folder, "shop"))
        await eventually(
            lambda: query(empty, "select 1 from pg_locks where not granted and locktype = 'relation'")
        )
        async with asyncio.timeout(PATIENCE):
            assert await query(empty, "select id from shop.shelves") == [(1,)], (
                "whoever queues behind the migration is let through again"
            )
        assert not migration.done()
    assert await migration == ["0003_more.pre"]
    await reader.close()


async def test_a_log_with_events_is_not_rolled_away(empty: str) -> None:
    await migrate(empty, KERNEL_FOLDER, KERNEL_SCHEMA)
    async with asyncpg.create_pool(empty, min_size=1, max_size=1) as pool:
        (outcome,) = await call(pool, command("contract-a", event()))
        assert isinstance(outcome, Appended)
    with pytest.raises(asyncpg.RestrictViolationError, match="is not dropped"):
        await rollback(empty, KERNEL_FOLDER, KERNEL_SCHEMA, 0)


async def test_the_command_line_migrates_and_rolls_back(
    empty: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = only_the_shop_installed(tmp_path_factory.mktemp("site"), folder)
    file = site / "database-url"
    file.write_text(empty)

    async def run(*arguments: str, **told: str) -> list[str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "makima_kernel.event_log.migrate", *arguments,
            env={**os.environ, **told, "PYTHONPATH": str(site)}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await process.communicate()
        assert process.returncode == 0
        return output.decode().splitlines()

    assert (await run(MAKIMA_DATABASE_URL=empty))[-4:] == [
        "shop: 0001_shelves.pre",
        "shop: 0001_shelves.post",
        "shop: 0002_labels.pre",
        "roles: makima_shop",
    ]
    in_file = {"MAKIMA_DATABASE_URL_FILE": str(file)}
    login = site / "logins" / "shop" / "url"
    login.parent.mkdir(parents=True)
    login.write_text("postgresql://makima_shop:s3cret@db/makima")
    assert await run("--logins", str(site / "logins"), **in_file) == [
        "event_log: nothing to do",
        "shop: nothing to do",
        "roles: makima_shop; with a login: shop",
    ]
    assert await run("--rollback", "shop", "1", **in_file) == ["shop: 0002_labels.rollback"]
