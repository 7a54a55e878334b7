"""The fleet's tokens: made by an administrator's when it starts, by the public interface, and revoked when it leaves."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from makima_sdk.connection import Connection
from makima_sdk.http import Http
from makima_sdk.problems import MakimaError

from makima_cli.demo import PATIENCE_SECONDS

OWNER: Final = "local"  # whose contracts an administrator's are, too: the fleet works on what people at this machine make
USERS_TOKEN: Final = "MAKIMA_DEMO_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Passes:
    """`user` is an owner's token, `daemons` one for each daemon."""

    user: str
    daemons: Mapping[str, str]

    def env(self, daemon: str) -> dict[str, str]:
        """What a daemon and its agents are told. What they do as the fleet they do with the daemon's; what a user has them do for it, with the user's."""
        return {"MAKIMA_TOKEN": self.daemons[daemon], USERS_TOKEN: self.user}


@asynccontextmanager
async def passes(connection: Connection, daemons: tuple[str, ...]) -> AsyncGenerator[Passes]:
    async with Http(connection.url, connection.token, patience=PATIENCE_SECONDS) as admin:
        made: list[str] = []

        async def issued(**wanted: str) -> str:
            answer = (await admin.send("POST", "/tokens", wanted)).body
            made.append(str(answer["id"]))
            return str(answer["token"])

        try:
            user = await issued(role="owner", owner=OWNER)
            yield Passes(user, {daemon: await issued(role="daemon", daemon_id=daemon) for daemon in daemons})
        finally:
            async with Http(connection.url, connection.token, patience=0) as leaving:
                for token_id in made:
                    with suppress(MakimaError):  # it is away already; the next fleet has others
                        await leaving.send("DELETE", f"/tokens/{token_id}")
