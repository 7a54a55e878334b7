"""Three brokers that are one: each stores every stream of three replicas, and they elect who leads."""

import asyncio
from pathlib import Path
from typing import Final

from makima_kernel.nats.streams import streams
from makima_kernel.testing import eventually
from makima_local import ports
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import StreamInfo

from tests.servers import OwnNats

SERVERS: Final = 3
ELECTION_SECONDS: Final = 60.0


class Member(OwnNats):
    """One server of the cluster: it knows the others' addresses before they run."""

    routes: tuple[int, ...] = ()
    own_route: int = 0

    @property
    def name(self) -> str:
        return self._name

    def _template(self) -> str:
        others = ", ".join(f"nats-route://{ports.LOOPBACK}:{port}" for port in self.routes)
        cluster = (
            f"cluster {{{{ name: makima, listen: {ports.LOOPBACK}:{self.own_route}, routes: [{others}] }}}}"
        )
        return super()._template() + cluster + "\n"


class Cluster:
    """Services connect to the first server, and are told of the others."""

    def __init__(self, folder: Path) -> None:
        routes = tuple(ports.free() for _ in range(SERVERS))
        self.members = [
            Member(folder / f"nats-{number}", tied=True, port=ports.free()) for number in range(SERVERS)
        ]
        for member, route in zip(self.members, routes, strict=True):
            member.own_route, member.routes = route, routes

    @property
    def url(self) -> str:
        return self.members[0].url

    async def start(self) -> None:
        await asyncio.gather(*(member.start() for member in self.members))

    async def stop(self) -> None:
        await asyncio.gather(*(member.stop() for member in self.members))

    async def elected(self, nats: Client) -> None:
        """Wait until JetStream answers."""

        async def answers() -> bool:
            try:
                await nats.jetstream(timeout=2).account_info()
            except (NatsError, TimeoutError) as error:
                raise AssertionError(str(error)) from error
            return True

        await eventually(answers, ELECTION_SECONDS)

    async def leader(self, nats: Client, stream: str) -> Member:
        info = await self._info(nats, stream)
        assert info.cluster is not None
        return next(member for member in self.members if member.name == info.cluster.leader)

    async def whole(self, nats: Client) -> None:
        """Wait until every stream has a leader, and all its replicas are current."""

        async def current() -> bool:
            for config in streams():
                info = await self._info(nats, config.name or "")
                assert info.cluster is not None
                replicas = info.cluster.replicas or []
                assert info.cluster.leader, f"{config.name} has no leader"
                assert len(replicas) == SERVERS - 1, f"{config.name}: {replicas}"
                assert all(peer.current and not peer.offline for peer in replicas), f"{replicas}"
            return True

        await eventually(current, ELECTION_SECONDS)

    async def _info(self, nats: Client, stream: str) -> StreamInfo:
        async def told() -> StreamInfo:
            try:
                return await nats.jetstream(timeout=2).stream_info(stream)
            except (NatsError, TimeoutError) as error:
                raise AssertionError(str(error)) from error

        return await eventually(told, ELECTION_SECONDS)
