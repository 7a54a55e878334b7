"""`makima contracts cleanup` with real daemons and a real git: what it says it did and skipped is what is left on the
disks and in the API.
"""

import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from makima_completion_detector import app as completion_detector
from makima_kernel.service.runtime import Service
from makima_local.nats import Nats

from tests.cli.agents_served import gateways
from tests.cli.conftest import Makima, environment
from tests.cli.worktree_fleet import Fleet, Json, State, git
from tests.services.gateway.harness import ADMIN, Gateways

__all__ = ["gateways"]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("cleanup on disk")]
# What the contracts' worktrees are like; the status of each contract is before the hyphen, `away`: on another machine.
CONTRACTS = (
    "failed-clean",
    "failed-committed",
    "failed-dirty",
    "failed-busy",
    "failed-locked",
    "failed-foreign",
    "failed-none",
    "failed-away",
    "archived-clean",
    "archived-dirty",
    "archived-away",
    "archived-none",
    "active-clean",
)
OF_ALL = ("--older-than", "0s")
KEPT_BECAUSE = {
    "dirty": "it has changes that are not committed",
    "busy": "agents of the contract run in it",
    "locked": "cannot remove a locked working tree",
    "foreign": "did not make it",
    "away": "did not confirm that the worktrees are removed",
}


@dataclass
class Told:
    """What a cleanup says of each contract, by its id; from its JSON, or from its lines."""

    cleared: set[str] = field(default_factory=set[str])
    archived: set[str] = field(default_factory=set[str])
    deleted: set[str] = field(default_factory=set[str])
    skipped: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of_json(cls, value: object) -> "Told":
        told, steps = cls(), cast("list[Json]", cast("Json", value)["steps"])
        done = {
            "cleanup_worktrees": told.cleared,
            "archive_old": told.archived,
            "cleanup_archived": told.deleted,
        }
        assert [str(step["operation"]) for step in steps] == list(done), "the order is always the same"
        for step in steps:
            done[str(step["operation"])].update(cast("list[str]", step["affected_ids"]))
            skipped = cast("list[dict[str, str]]", step["skipped"])
            told.skipped |= {each["id"]: each["detail"] for each in skipped}
        return told

    @classmethod
    def of_lines(cls, lines: str) -> "Told":
        told = cls()
        told.cleared.update(re.findall(r"^cleared of worktrees (\S+)$", lines, re.MULTILINE))
        told.archived.update(re.findall(r"^archived (\S+)$", lines, re.MULTILINE))
        told.deleted.update(re.findall(r"^deleted (\S+)$", lines, re.MULTILINE))
        told.skipped |= dict(re.findall(r"^skipped (\S+): (.*) \[UNAVAILABLE\]$", lines, re.MULTILINE))
        return told


def agree(before: State, told: Told, after: State) -> None:
    """What was said is what has happened, and nothing else has."""
    assert before.folders - after.folders == told.cleared
    assert after.folders <= before.folders
    assert set(before.worktrees) - set(after.worktrees) == told.cleared
    assert after.branches == before.branches, "what was committed stays"
    assert before.statuses.keys() - after.statuses.keys() == told.deleted
    changed = {each for each, status in after.statuses.items() if status != before.statuses[each]}
    assert changed == told.archived
    assert {after.statuses[each] for each in told.archived} <= {"archived"}
    assert not told.deleted & after.folders, "nobody would find its worktree by its contract"
    ended = {each for each, status in before.statuses.items() if status in {"failed", "archived"}}
    assert told.skipped.keys() == ended & after.folders, "and each that is left is named"


@pytest_asyncio.fixture(loop_scope="module")
async def environ(gateways: Gateways, nats_server: Nats, tmp_path: Path) -> dict[str, str]:
    return environment(gateways, nats_server.url, tmp_path, ADMIN)


@pytest_asyncio.fixture(loop_scope="module")
async def fleet(gateways: Gateways, nats_server: Nats, tmp_path: Path) -> AsyncIterator[Fleet]:
    settings = gateways.replicas[0].settings
    async with Service.running(completion_detector.NAME, settings, completion_detector.build):
        made = await Fleet.of(gateways, nats_server, tmp_path)
        yield made
        await made.machine.nats.close()


async def test_what_a_cleanup_says_it_did_and_skipped_is_what_is_on_disk(
    fleet: Fleet, makima: Makima
) -> None:
    async def cleanup(*options: str) -> str:
        ran = await makima("contracts", "cleanup", *OF_ALL, *options)
        assert ran.exit == 0, ran.err
        return ran.out

    in_any_order = ("--delete-archived", "--worktrees", "--archive", "--format", "json")
    away = [name for name in CONTRACTS if name.endswith("-away")]
    async with fleet.away.daemon():
        await fleet.make(fleet.away, away)
    async with fleet.machine.daemon():
        await fleet.make(fleet.machine, [name for name in CONTRACTS if name not in away])
        await fleet.end()

        before = await fleet.state()
        would = await makima("contracts", "cleanup", *OF_ALL, *in_any_order)
        assert "would be archived " in await cleanup("--all")
        assert await fleet.state() == before, "a dry run changes nothing"
        foreseen = Told.of_json(would.json)
        assert foreseen.archived == fleet.of_ids(*(name for name in CONTRACTS if name.startswith("failed")))
        assert foreseen.deleted == fleet.of_ids(*(name for name in CONTRACTS if name.startswith("archived")))

        ran = await makima("contracts", "cleanup", *OF_ALL, *in_any_order, "--no-dry-run", "--force")
        told, after = Told.of_json(ran.json), await fleet.state()
        agree(before, told, after)
        assert told.cleared == fleet.of_ids("failed-clean", "failed-committed", "archived-clean")
        assert told.archived == foreseen.archived
        assert told.deleted == fleet.of_ids("archived-clean", "archived-none")
        kept = fleet.by_name(told.skipped)
        assert {
            name: KEPT_BECAUSE[name.partition("-")[2]] in said for name, said in kept.items()
        } == dict.fromkeys((name for name in CONTRACTS if name.partition("-")[2] in KEPT_BECAUSE), True), kept

        git(fleet.folder("failed-dirty"), "add", ".")
        git(fleet.folder("failed-dirty"), "commit", "-qm", "whole")
        git(fleet.repository, "worktree", "unlock", str(fleet.folder("failed-locked")))
        shutil.rmtree(fleet.folder("failed-foreign"))
        git(fleet.repository, "worktree", "prune")
        before = await fleet.state()
        async with fleet.away.daemon():
            lines = await cleanup("--delete-archived", "--no-dry-run", "--force")
        told, after = Told.of_lines(lines), await fleet.state()
        agree(before, told, after)
        left = fleet.of_ids("failed-busy", "archived-dirty")
        assert told.skipped.keys() == left
        assert after.statuses.keys() == left | fleet.of_ids("active-clean")
        assert after.folders == after.statuses.keys()
