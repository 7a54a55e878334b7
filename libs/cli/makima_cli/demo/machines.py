"""The fleet's machines: a `makima daemon start` each, which is started again whenever it ends."""

import asyncio
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_cli.demo import lifeline
from makima_cli.demo.process import Child, say
from makima_cli.demo.scenarios import ROLES

NAMES: Final = ("daemon-ada", "daemon-grace", "daemon-edsger")
DAEMON_CAPACITY: Final = 30  # agents at a time: of the person's contracts there are 24 at most
RESTART_SECONDS: Final = 1.0
STOP_SECONDS: Final = 6.0  # of the 7 s that `makima up` gives the fleet; its agents end at once


@dataclass(frozen=True, slots=True)
class Machine:
    """`folder` is its daemon's, and kept from one fleet to the next: the daemon's state is in it."""

    name: str
    folder: Path
    lifeline: Path

    def settings(self) -> str:
        """The daemon's settings file."""
        lines = [
            f"daemon_id = {json.dumps(self.name)}",
            f"capacity = {DAEMON_CAPACITY}",
            'workspace = "workspace"',
        ]
        for role in (SUPERVISOR_ROLE, *ROLES):
            command = [sys.executable, "-m", f"makima_cli.demo.agents.{role}"]
            lines += [
                "",
                f"[agents.{role}]",
                f"command = {json.dumps(command)}",
                f"env = {{ {lifeline.VARIABLE} = {json.dumps(str(self.lifeline))} }}",
            ]
        return "\n".join(lines) + "\n"

    async def keep(self, env: Mapping[str, str]) -> None:
        """Run its daemon until cancelled."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(self.folder / "workspace" / "logs", ignore_errors=True)  # of agents of earlier fleets
        config = self.folder / "daemon.toml"
        config.write_text(self.settings())
        command = (sys.executable, "-m", "makima_cli.main", "daemon", "start", "--config", str(config))
        while True:
            daemon = await Child.start(command, env, self.folder)
            try:
                code = await daemon.ended()
                say(f"{self.name} ended ({code}) and is started again")
            finally:
                await daemon.stop(STOP_SECONDS)
            await asyncio.sleep(RESTART_SECONDS)
