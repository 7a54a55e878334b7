"""What FastStream's own AsyncAPI document says of the subscribers of every service, read from services that
run.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, cast, get_args, get_origin

from fast_depends.pydantic import PydanticSerializer
from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI
from makima_kernel.event_log.log import Log
from makima_kernel.installed_services import installed_services
from makima_kernel.nats.connection import connect, ignore_close
from makima_kernel.nats.streams import provision
from makima_kernel.service.postgres import open_pool
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_local.postgres import Postgres
from makima_schemas.commands import Request

from tests.servers import BUDGET, fresh_database, new_nats, new_postgres, open_folder
from tests.template import prepared_template

Json = dict[str, Any]

FREE_PORT: Final = 0


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One of FastStream's channels. `asked` is the command or the question, `replies` the classes of what is
    answered: FastStream 0.7.8 documents no replies, so they are the return type of its handler.
    """

    name: str
    channel: Json
    payload: Json
    asked: type
    replies: tuple[type, ...]


@dataclass(frozen=True, slots=True)
class Subscribers:
    found: tuple[Subscriber, ...]
    schemas: Mapping[str, Json]


@cache
def subscribers() -> Subscribers:
    """Of all services that are installed, by name."""
    return asyncio.run(_read())


async def _read() -> Subscribers:
    async with AsyncExitStack() as stack:
        folder = open_folder(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mk-", dir="/tmp"))))
        postgres, nats = cast("Postgres", new_postgres(folder / "pg")), new_nats(folder / "nats")
        for server in (postgres, nats):
            stack.push_async_callback(server.stop)
            await server.start()
        database = await stack.enter_async_context(
            fresh_database(postgres, await prepared_template(postgres.dsn))
        )
        await _provision(database, nats.url)
        settings = Settings(database_url=database, nats_url=nats.url, port=FREE_PORT, stream_budget=BUDGET)
        running = [
            await stack.enter_async_context(
                Service.running(each.name, settings, import_module(f"{each.package}.app").build)
            )
            for each in installed_services()
        ]
        return _described([service.broker for service in running])


async def _provision(database: str, nats_url: str) -> None:
    pool, client = (
        await open_pool(database, "asyncapi"),
        await connect(nats_url, "asyncapi", on_closed=ignore_close),
    )
    await provision(client, Log(pool), budget=BUDGET)
    await client.close()
    await pool.close()


def _described(brokers: list[NatsBroker]) -> Subscribers:
    for broker in brokers:
        _build_models(broker)
    document = cast("Json", AsyncAPI(*brokers).to_specification().to_jsonable())
    types = dict(types for broker in brokers for types in _types(broker))
    messages = document["components"]["messages"]
    found = [
        Subscriber(name, channel, messages[f"{name}:SubscribeMessage"]["payload"], *types[name])
        for name, channel in sorted(document["channels"].items())
    ]
    return Subscribers(tuple(found), dict(sorted(document["components"]["schemas"].items())))


def _build_models(broker: NatsBroker) -> None:
    """Our services run without models of their handlers' types; the document is made of these."""
    broker.config.fd_config.serializer = PydanticSerializer()
    for subscriber in broker.subscribers:
        subscriber._build_fastdepends_model()  # pyright: ignore[reportPrivateUsage] - as FastStream's own TestBroker


def _types(broker: NatsBroker) -> Iterator[tuple[str, tuple[type, tuple[type, ...]]]]:
    for subscriber in broker.subscribers:
        name = subscriber.specification.config.title_
        hints = dict[str, Any](cast("Any", subscriber.calls[0].dependant).call.__annotations__)
        replies = hints.pop("return")
        if name is not None:
            yield name, (_asked(*hints.values()), () if replies is None else get_args(replies) or (replies,))


def _asked(hint: Any) -> type:
    inside = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return get_args(inside)[0] if get_origin(inside) is Request else inside
