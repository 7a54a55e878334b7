"""The fleet's tokens: created through the API with an administrator's token at the start, and revoked at the
end.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from makima_local import private_files
from makima_sdk.connection import Connection
from makima_sdk.http import Http, Json
from makima_sdk.paths import path
from makima_sdk.problems import MakimaError

from makima_cli.demo import RECONNECT_SECONDS

# Contracts that an administrator creates have this owner, too, so the fleet also works on those of people who
# use this machine's administrator token.
OWNER: Final = "local"


@dataclass(frozen=True, slots=True)
class FleetCredentials:
    """The tokens of the demo's person and of the daemons."""

    user: str  # a token with role owner
    daemons: Mapping[str, Mapping[str, str]]  # daemon → its token and NATS address, by environment variable

    def env(self, daemon: str, folder: Path) -> dict[str, str]:
        """The environment of a daemon. It names files in `folder`, which only our user may read."""
        secrets = self.daemons[daemon]
        for variable, value in secrets.items():
            private_files.replace(folder / f"{daemon}.{variable}", value)
        return {f"{variable}_FILE": str(folder / f"{daemon}.{variable}") for variable in secrets}


@asynccontextmanager
async def fleet_credentials(
    connection: Connection, daemons: tuple[str, ...]
) -> AsyncGenerator[FleetCredentials]:
    """Create the tokens; they are revoked when the block ends."""
    async with Http(connection.url, connection.token, retry_for=RECONNECT_SECONDS) as admin:
        made: list[str] = []

        async def issued(**wanted: str) -> Json:
            answer = (await admin.send("POST", "/tokens", wanted)).body
            made.append(str(answer["id"]))
            return answer

        try:
            user = await issued(role="owner", owner=OWNER)
            own = {
                daemon: _environment(connection, await issued(role="daemon", daemon_id=daemon))
                for daemon in daemons
            }
            yield FleetCredentials(str(user["token"]), own)
        finally:
            async with Http(connection.url, connection.token, retry_for=0) as leaving:
                for token_id in made:
                    with suppress(MakimaError):  # makima has ended; the next fleet creates new tokens
                        await leaving.send("DELETE", path("tokens", token_id))


def _environment(connection: Connection, issued: Json) -> Mapping[str, str]:
    """The environment of a daemon. A token of an external broker has no NATS user: then all share the fleet's
    address.
    """
    parts = urlsplit(connection.nats_url)
    host = parts.netloc.rpartition("@")[2]
    user, password = issued.get("nats_user"), issued.get("nats_password")
    nats_url = f"{parts.scheme}://{user}:{password}@{host}" if user else connection.nats_url
    return {"MAKIMA_TOKEN": str(issued["token"]), "MAKIMA_NATS_URL": nats_url}
