"""The fleet's tokens: made by an administrator's when it starts, by the public interface, and revoked when it leaves."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from makima_sdk.connection import Connection
from makima_sdk.http import Http, Json
from makima_sdk.problems import MakimaError

from makima_cli.demo import AGENT_RECONNECT_TIMEOUT_SECONDS

OWNER: Final = "local"  # whose contracts an administrator's are, too: the fleet works on what people at this machine make
USERS_TOKEN: Final = "MAKIMA_DEMO_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class FleetCredentials:
    """`user` is an owner's token; `daemons` have each its own, and its own way to the broker: what they are told in their environment."""

    user: str
    daemons: Mapping[str, Mapping[str, str]]

    def env(self, daemon: str) -> dict[str, str]:
        """What a daemon and its agents are told. What they do as the fleet they do with the daemon's; what a user has them do for it, with the user's."""
        return {**self.daemons[daemon], USERS_TOKEN: self.user}


@asynccontextmanager
async def fleet_credentials(connection: Connection, daemons: tuple[str, ...]) -> AsyncGenerator[FleetCredentials]:
    async with Http(connection.url, connection.token, retry_for=AGENT_RECONNECT_TIMEOUT_SECONDS) as admin:
        made: list[str] = []

        async def issued(**wanted: str) -> Json:
            answer = (await admin.send("POST", "/tokens", wanted)).body
            made.append(str(answer["id"]))
            return answer

        try:
            user = await issued(role="owner", owner=OWNER)
            own = {daemon: _told(connection, await issued(role="daemon", daemon_id=daemon)) for daemon in daemons}
            yield FleetCredentials(str(user["token"]), own)
        finally:
            async with Http(connection.url, connection.token, retry_for=0) as leaving:
                for token_id in made:
                    with suppress(MakimaError):  # it is away already; the next fleet has others
                        await leaving.send("DELETE", f"/tokens/{token_id}")


def _told(connection: Connection, issued: Json) -> Mapping[str, str]:
    """A broker that keeps its users itself has given the fleet one way in, for all."""
    host = connection.nats_url.rpartition("://")[2].rpartition("@")[2]
    user, password = issued.get("nats_user"), issued.get("nats_password")
    nats_url = f"nats://{user}:{password}@{host}" if user else connection.nats_url
    return {"MAKIMA_TOKEN": str(issued["token"]), "MAKIMA_NATS_URL": nats_url}
