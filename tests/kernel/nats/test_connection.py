"""What a connection promises beyond nats-py's."""

from makima_kernel.nats.connection import confirm_subscriptions, connect
from makima_kernel.testing import PATIENCE
from nats.aio.client import Client


async def test_what_has_arrived_is_heard_from_another_connection_at_once(nats_url: str, nats: Client) -> None:
    async def closed() -> None: ...

    async def answer(message: object) -> None:
        await message.respond(b"here")  # pyright: ignore - nats-py's Msg

    subscriber = await connect(nats_url, "subscriber", on_closed=closed)
    for number in range(20):
        await subscriber.publish(
            "elsewhere", bytes(1_900_000)
        )  # the subscription waits behind it, and a PING would not
        await subscriber.subscribe(f"here.{number}", cb=answer)
        await confirm_subscriptions(subscriber)
        assert (await nats.request(f"here.{number}", timeout=PATIENCE)).data == b"here"
    await subscriber.close()
