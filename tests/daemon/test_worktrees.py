"""A folder per contract: made, counted, and removed only if this daemon made it and nothing is lost."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from makima_daemon import worktrees as module
from makima_daemon.worktrees import Removal, WorktreeError, Worktrees
from makima_kernel.testing import eventually


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, "-C", folder, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "-q")
    (path / "README").write_text("hello")
    git(path, "add", ".")
    git(path, "commit", "-qm", "first")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "worktrees"


@pytest.fixture
def worktrees(root: Path, repository: Path) -> Worktrees:
    return Worktrees(root, "d1", repository)


async def test_a_clean_worktree_is_made_counted_and_removed_and_its_branch_stays(
    worktrees: Worktrees, root: Path, repository: Path
) -> None:
    path = await worktrees.make("c1")
    assert (path / "README").read_text() == "hello"
    assert await worktrees.make("c1") == path
    assert (worktrees.count, Worktrees(root, "d1", repository).count) == (1, 1)
    (path / "work").write_text("done")
    git(path, "add", ".")
    git(path, "commit", "-qm", "work")
    removal = await worktrees.remove("c1", ())
    assert (removal.removed, path.exists(), worktrees.count) == (True, False, 0)
    assert not (await worktrees.remove("c1", ())).removed
    assert (await worktrees.make("c1") / "work").read_text() == "done"  # its branch went on


@pytest.mark.parametrize("change", ["modified", "untracked", "staged", "detached"])
async def test_a_dirty_worktree_is_kept(worktrees: Worktrees, change: str) -> None:
    path = await worktrees.make("c1")
    match change:
        case "modified":
            (path / "README").write_text("changed")
        case "untracked":
            (path / "new").write_text("new")
        case "staged":
            (path / "new").write_text("new")
            git(path, "add", ".")
        case _:
            git(path, "checkout", "-q", "--detach")
            git(path, "commit", "-q", "--allow-empty", "-m", "on no branch")
    removal = await worktrees.remove("c1", ())
    assert not removal.removed
    assert removal.kept_because is not None
    assert path.is_dir()
    assert worktrees.count == 1


async def test_a_worktree_that_agents_run_in_is_kept(worktrees: Worktrees) -> None:
    path = await worktrees.make("c1")
    assert not (await worktrees.remove("c1", {"c1"})).removed
    assert path.is_dir()


async def test_a_foreign_folder_is_kept_and_not_used(
    worktrees: Worktrees, root: Path, repository: Path, tmp_path: Path
) -> None:
    (root / "c1").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / "c2").symlink_to(elsewhere)
    other = await Worktrees(root, "d2", repository).make("c3")
    for contract in ("c1", "c2", "c3"):
        removal = await worktrees.remove(contract, ())
        assert (removal.removed, removal.kept_because is None) == (False, False)
        with pytest.raises(WorktreeError, match="was not made by"):
            await worktrees.make(contract)
    assert elsewhere.is_dir()
    assert other.is_dir()
    assert worktrees.count == 3, "or it would not be asked for them, and their contracts be deleted"


async def test_a_folder_put_in_the_place_of_ours_is_foreign(worktrees: Worktrees, tmp_path: Path) -> None:
    path = await worktrees.make("c1")
    path.rename(tmp_path / "moved")
    path.mkdir()
    assert (await worktrees.remove("c1", ())).kept_because is not None
    assert path.is_dir()


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def slow_filter(repository: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Its checkout waits in a filter, for the second file, which writes its process's id into the first."""
    began, go = tmp_path / "began", tmp_path / "go"
    (repository / ".gitattributes").write_text("README filter=slow")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "slow")
    wait = f"echo $$ > {began}.new; mv {began}.new {began}; while [ ! -e {go} ]; do sleep 0.02; done; cat"
    git(repository, "config", "filter.slow.smudge", wait)
    return began, go


async def the_pid_in(path: Path) -> int:
    return int(await eventually(lambda: path.read_text() if path.exists() else ""))


async def test_a_worktree_whose_making_was_cancelled_is_made_to_its_end(
    worktrees: Worktrees, repository: Path, tmp_path: Path
) -> None:
    began, go = slow_filter(repository, tmp_path)
    making = asyncio.create_task(worktrees.make("c1"))
    await the_pid_in(began)
    making.cancel()
    again = asyncio.create_task(worktrees.make("c1"))
    go.touch()
    assert ((await again) / "README").read_text() == "hello"
    assert worktrees.count == 1


async def test_a_git_that_takes_too_long_ends_with_its_filters_and_the_worktree_is_made_the_next_time(
    worktrees: Worktrees, root: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go = slow_filter(repository, tmp_path)
    with monkeypatch.context() as short:
        short.setattr(module, "GIT_TIMEOUT_SECONDS", 0.5)
        with pytest.raises(WorktreeError, match=r"took more than 0.5 s"):
            await worktrees.make("c1")
    await eventually(lambda: str(began) not in str([each.info for each in psutil.process_iter(["cmdline"])]))
    assert files(root) == []
    go.touch()
    assert (await worktrees.make("c1") / "README").read_text() == "hello"


@pytest.mark.parametrize("asked", ["make", "remove"])
async def test_a_worktree_that_a_killed_daemon_was_making_blocks_nothing(
    root: Path, repository: Path, tmp_path: Path, asked: str
) -> None:
    began, go = slow_filter(repository, tmp_path)
    making = asyncio.create_task(Worktrees(root, "d1", repository).make("c1"))
    group = os.getpgid(await the_pid_in(began))
    assert group != os.getpgrp()
    os.killpg(group, signal.SIGKILL)  # git, before it can clean up
    marker = root / ".c1.json"
    half_made = marker.read_text()
    with pytest.raises(WorktreeError):
        await making
    assert json.loads(half_made)["making"] is True
    (root / "c1").mkdir()
    (root / "c1" / "REA").write_text("he")
    marker.write_text(half_made)
    go.touch()
    after = Worktrees(root, "d1", repository)
    assert after.count == 1
    if asked == "make":
        assert (await after.make("c1") / "README").read_text() == "hello"
    else:
        assert await after.remove("c1", ()) == Removal(removed=True)
        assert files(root) == []


async def test_a_worktree_that_a_person_has_deleted_is_counted_no_more(worktrees: Worktrees) -> None:
    """It was counted until the daemon was started again."""
    shutil.rmtree(await worktrees.make("c1"))
    assert worktrees.count == 0
    assert await worktrees.remove("c1", ()) == Removal(removed=False)


@pytest.mark.parametrize("contract", ["../c1", "a/b", ".", "", "x" * 65])
async def test_what_is_no_id_becomes_no_path(worktrees: Worktrees, contract: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        await worktrees.make(contract)
    with pytest.raises(ValueError, match="is no id"):
        await worktrees.remove(contract, ())


async def test_a_plain_folder_is_removed_while_it_is_empty(root: Path) -> None:
    plain = Worktrees(root, "d1", None)
    path = await plain.make("c1")
    (path / "result").write_text("work")
    assert not (await plain.remove("c1", ())).removed
    assert (path / "result").read_text() == "work"
    (path / "result").unlink()
    assert (await plain.remove("c1", ())).removed
    assert not path.exists()
