"""A folder per contract: made, counted, and removed only if this daemon made it and nothing is lost."""

import subprocess
from pathlib import Path

import pytest
from makima_daemon.worktrees import WorktreeError, Worktrees


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
    assert worktrees.count == 0


async def test_a_folder_put_in_the_place_of_ours_is_foreign(worktrees: Worktrees, tmp_path: Path) -> None:
    path = await worktrees.make("c1")
    path.rename(tmp_path / "moved")
    path.mkdir()
    assert (await worktrees.remove("c1", ())).kept_because is not None
    assert path.is_dir()


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
