"""A folder per contract: a git worktree on a branch of its own, or a plain folder. Removed only if this daemon made
it and nothing would be lost.
"""

import asyncio
import os
import shutil
import signal
import stat
from collections.abc import Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import orjson

from makima_daemon import private_files
from makima_daemon.workspace import checked

R = TypeVar("R")

GIT_TIMEOUT_SECONDS: Final = 60.0
GIT_END_SECONDS: Final = 2.0  # between SIGTERM, on which git removes its lock files, and SIGKILL
BRANCH: Final = "makima/"  # and the contract's id
# An agent may have written the repository's settings. No hook and no file system monitor that is named there is run;
# the filters of its attributes (filter.*.clean, filter.*.smudge) are, as the files would not be right without them.
_GIT: Final = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")

_SHARED: Final = (
    "rev-parse",
    "--path-format=absolute",
    "--git-common-dir",
)  # what worktrees of one repository share


class WorktreeError(RuntimeError):
    """The folder cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Removal:
    removed: bool
    kept_because: str | None = None  # None: removed, or there was none


class Worktrees:
    """All of them lie in `root`. Beside each one a marker says that this daemon made it, and which file it is:
    another one of its name is not ours. While a folder is made its marker says so: one whose making was interrupted,
    in which no agent has run, is made anew.
    """

    def __init__(self, root: Path, daemon_id: str, repository: Path | None) -> None:
        self._root = private_files.folder(root)
        self._daemon_id = daemon_id
        self._repository = repository
        self._turns: dict[str, asyncio.Lock] = {}  # by contract id
        self._working = set[asyncio.Task[object]]()  # its callers may be gone

    @property
    def count(self) -> int:
        """All folders that lie there, also one that is not ours: who asks us to remove it is told that it is kept."""
        with os.scandir(self._root) as found:
            return sum(not each.name.startswith(".") for each in found)

    async def make(self, contract_id: str) -> Path:
        """The contract's folder, made if it is missing. Raises `WorktreeError`."""
        return await self._wholly(self._make(contract_id))

    async def remove(self, contract_id: str, in_use: Collection[str]) -> Removal:
        """Remove the contract's folder, unless something would be lost by it, or an agent of it runs."""
        return await self._wholly(self._remove(contract_id, in_use))

    async def _wholly(self, work: Coroutine[object, object, R]) -> R:
        """To its end, which git's time limit bounds, also when its caller is cancelled: nothing stays half made."""
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return await asyncio.shield(task)

    async def _make(self, contract_id: str) -> Path:
        async with self._turn(contract_id):
            path = self._path(contract_id)
            await self._undo_interrupted(contract_id)
            if path.is_symlink() or path.exists():
                if not self._is_ours(f".{contract_id}"):
                    raise WorktreeError(f"{path} was not made by daemon {self._daemon_id}: move it away")
                return path
            private_files.replace(self._marker(contract_id), orjson.dumps(self._making))
            try:
                await self._made(path, contract_id)
            except WorktreeError:
                await self._undo_interrupted(contract_id)
                raise
            self._mark(contract_id, path)
            return path

    async def _remove(self, contract_id: str, in_use: Collection[str]) -> Removal:
        async with self._turn(contract_id):
            path = self._path(contract_id)
            undone = await self._undo_interrupted(contract_id)
            if not path.is_symlink() and not path.exists():
                self._marker(contract_id).unlink(missing_ok=True)
                return Removal(removed=undone)
            kept = self._foreign(contract_id, path) or (
                "agents of the contract run in it" if contract_id in in_use else await self._would_lose(path)
            )
            if kept is not None:
                return Removal(removed=False, kept_because=kept)
            await self._removed(path)
            self._marker(contract_id).unlink(missing_ok=True)
            return Removal(removed=True)

    def _turn(self, contract_id: str) -> asyncio.Lock:
        return self._turns.setdefault(contract_id, asyncio.Lock())

    def _path(self, contract_id: str) -> Path:
        return self._root / checked(contract_id)

    def _marker(self, contract_id: str) -> Path:
        return self._root / f".{contract_id}.json"

    def _mark(self, contract_id: str, path: Path) -> None:
        found = path.lstat()
        content = {**self._made_by, "device": found.st_dev, "inode": found.st_ino}
        private_files.replace(self._marker(contract_id), orjson.dumps(content))

    @property
    def _made_by(self) -> dict[str, str | None]:
        repository = None if self._repository is None else str(self._repository)
        return {"daemon_id": self._daemon_id, "repository": repository}

    @property
    def _making(self) -> dict[str, object]:
        """The marker of a folder that is being made."""
        return {**self._made_by, "making": True}

    def _is_half_made(self, contract_id: str) -> bool:
        """True if its making was interrupted. Neither a link nor a repository of its own comes of our making."""
        path = self._path(contract_id)
        with suppress(OSError, ValueError):
            is_marked = orjson.loads(self._marker(contract_id).read_bytes()) == self._making
            return is_marked and not path.is_symlink() and not (path / ".git").is_dir()
        return False

    async def _undo_interrupted(self, contract_id: str) -> bool:
        """Remove a folder whose making was interrupted, and its marker. True: there was one. Raises `WorktreeError`."""
        if not self._is_half_made(contract_id):
            return False
        path = self._path(contract_id)
        was_there = path.exists()
        if self._repository is not None:
            # Twice --force: git locks a worktree while it makes it. It fails for one that it does not know yet.
            await _git(self._repository, "worktree", "remove", "--force", "--force", str(path))
        try:
            await asyncio.to_thread(_delete, path)
        except OSError as error:
            raise WorktreeError(f"{path}, half made, cannot be removed: {error}") from error
        self._marker(contract_id).unlink(missing_ok=True)
        return was_there

    def _is_ours(self, stem: str) -> bool:
        """True if the marker `stem` is this daemon's, and still of the folder that it was made for."""
        with suppress(OSError, ValueError):
            marker = orjson.loads((self._root / f"{stem}.json").read_bytes())
            found = (self._root / stem.removeprefix(".")).lstat()
            made = {**self._made_by, "device": found.st_dev, "inode": found.st_ino}
            return stat.S_ISDIR(found.st_mode) and marker == made
        return False

    def _foreign(self, contract_id: str, path: Path) -> str | None:
        if path.is_symlink() or path.resolve().parent != self._root:
            return "it is a link, or outside of the workspace"
        return None if self._is_ours(f".{contract_id}") else f"daemon {self._daemon_id} did not make it"

    async def _made(self, path: Path, contract_id: str) -> None:
        if self._repository is None:
            private_files.folder(path)
            return
        branch = BRANCH + contract_id
        known = await _git(self._repository, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
        which = (str(path), branch) if known.code == 0 else ("-b", branch, str(path), "HEAD")
        # Two uses of --force: the branch may be registered for a folder that somebody has deleted.
        done = await _git(self._repository, "worktree", "add", "--force", "--force", "--quiet", *which)
        if done.code:
            raise WorktreeError(f"git made no worktree of {self._repository}: {done.output}")

    async def _would_lose(self, path: Path) -> str | None:
        """What would be lost with the folder; None if nothing. Ignored files may be made again."""
        if self._repository is None:
            return None if _empty(path) else "it has files, and no repository that they are kept in"
        shared = [await _git(each, *_SHARED) for each in (path, self._repository)]
        if any(each.code for each in shared) or shared[0].output != shared[1].output:
            return f"it is no worktree of {self._repository} any more"
        changed = await _git(path, "status", "--porcelain", "--untracked-files=normal")
        if changed.code:
            return f"git does not say whether something is uncommitted: {changed.output}"
        if changed.output:
            return "it has changes that are not committed"
        # Commits on a branch stay in the repository; those of a detached HEAD would be found by nobody.
        lost = await _git(path, "rev-list", "-n", "1", "HEAD", "--not", "--branches", "--tags", "--remotes")
        return "it has commits that are on no branch" if lost.code or lost.output else None

    async def _removed(self, path: Path) -> None:
        """Raises `WorktreeError`. git looks once more whether something is uncommitted."""
        if self._repository is None:
            await asyncio.to_thread(path.rmdir)
            return
        done = await _git(self._repository, "worktree", "remove", str(path))
        if done.code:
            raise WorktreeError(f"git did not remove {path}: {done.output}")


def _delete(path: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(path)


def _empty(path: Path) -> bool:
    return next(path.iterdir(), None) is None


@dataclass(frozen=True, slots=True)
class _Done:
    code: int
    output: str


async def _git(folder: Path, *arguments: str) -> _Done:
    """Run git there, without a terminal to ask at, and without what is secret in our environment."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKIMA_", "GIT_"))}
    try:
        process = await asyncio.create_subprocess_exec(
            *_GIT,
            "-C",
            str(folder),
            *arguments,
            env={**env, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # its filters end with it
        )
    except OSError as error:
        return _Done(-1, f"git cannot be started: {error}")
    try:
        async with asyncio.timeout(GIT_TIMEOUT_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        return _Done(-1, f"git took more than {GIT_TIMEOUT_SECONDS:g} s")
    finally:
        await _end(process)
    return _Done(process.returncode or 0, output.decode(errors="replace").strip()[:500])


async def _end(process: asyncio.subprocess.Process) -> None:
    """End git, and its group with it, if it has not ended."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(GIT_END_SECONDS):
                await process.wait()
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
