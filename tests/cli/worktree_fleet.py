"""Two machines with worktrees of one repository, in every condition that a clean-up can find them in."""

import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import nats as nats_py
from makima_kernel.testing import eventually
from makima_local.nats import Nats

from tests.daemon.machine import Machine, machine_of
from tests.services.gateway.harness import Gateways, act

Json = dict[str, object]
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
COMMIT = shlex.join([*GIT, "commit", "-qm", "work"])
COMMANDS = {
    "clean": "true",
    "committed": f"echo done > work && git add . && {COMMIT}",
    "dirty": "echo half > work",
    "busy": "exec sleep 300",
}


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run([*GIT, "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class State:
    """Of the disks and of the API."""

    files: frozenset[tuple[str, bytes | None]]
    folders: frozenset[str]  # of contracts, by id
    worktrees: tuple[str, ...]  # as git lists them
    branches: str
    statuses: dict[str, str]  # of the contracts, by id


@dataclass
class Fleet:
    machine: Machine
    away: Machine
    repository: Path
    ids: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    async def of(cls, gateways: Gateways, nats_server: Nats, folder: Path) -> "Fleet":
        repository = folder / "repository"
        repository.mkdir()
        (repository / "README").write_text("hello")
        for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
            git(repository, *arguments)
        git(repository, "worktree", "add", "-q", str(folder / "persons"), "-b", "persons")
        nats = await nats_py.connect(nats_server.url)
        machines = [
            await machine_of(gateways, nats, nats_server.url, folder / name) for name in ("machine", "away")
        ]
        for each in machines:
            each.commands = {role: ("sh", "-c", line) for role, line in COMMANDS.items()}
            each.repository = repository
        return cls(machines[0], machines[1], repository)

    @property
    def roots(self) -> tuple[Path, ...]:
        return self.machine.folder / "worktrees", self.away.folder / "worktrees"

    def folder(self, name: str) -> Path:
        return self.machine.folder / "worktrees" / self.ids[name]

    async def make(self, machine: Machine, names: list[str]) -> None:
        """The contracts, and their worktrees, by the daemon of the machine, which runs."""
        for name in names:
            self.ids[name] = await machine.contract()
            what = name.partition("-")[2]
            if what == "foreign":
                git(self.repository, "worktree", "add", "-q", str(self.folder(name)), "-b", "a-persons")
            elif what != "none":
                role = what if what in COMMANDS else "clean"
                await machine.started(role, self.ids[name])

        def idle() -> bool:
            """But for the busy one, whose process runs."""
            state = machine.workspace.state
            records = state.read_text() if state.exists() else ""
            return records.count('"role":') == records.count('"busy"') and '"pid":null' not in records

        await eventually(idle)
        for name in names:
            if name.endswith("locked"):
                git(self.repository, "worktree", "lock", str(self.folder(name)))

    async def end(self) -> None:
        http = self.machine.gateways.clients[0]
        for name, contract_id in self.ids.items():
            actions = {"failed": ("fail",), "archived": ("archive",)}.get(name.partition("-")[0], ("start",))
            for action in actions:
                await act(http, contract_id, action)

    async def state(self) -> State:
        files, folders = set[tuple[str, bytes | None]](), set[str]()
        for root in self.roots:
            folders |= {each.name for each in root.iterdir() if not each.name.startswith(".")}
            for path in root.rglob("*"):
                files.add((str(path), path.read_bytes() if path.is_file() else None))
        listed = git(self.repository, "worktree", "list", "--porcelain")
        gateways = self.machine.gateways
        head = {"Makima-Min-Position": str(await gateways.log.head())}
        answer = await gateways.clients[0].get("/contracts", params={"limit": 500}, headers=head)
        contracts = cast("list[Json]", answer.raise_for_status().json()["items"])
        return State(
            frozenset(files),
            frozenset(folders),
            tuple(sorted(re.findall(r"^worktree .*/([^/\n]+)$", listed, re.MULTILINE))),
            git(self.repository, "for-each-ref", "refs/heads"),
            {str(each["id"]): str(each["status"]) for each in contracts},
        )

    def of_ids(self, *names: str) -> set[str]:
        return {self.ids[name] for name in names}

    def by_name(self, by_id: dict[str, str]) -> dict[str, str]:
        return {name: by_id[contract_id] for name, contract_id in self.ids.items() if contract_id in by_id}
