"""Commands as a daemon sends them: services answer it in its own inbox alone."""

from uuid import uuid4

from makima_kernel.testing import PATIENCE
from makima_schemas import permissions, subjects
from nats.aio.client import Client


async def ask_as_daemon(nats: Client, daemon_id: str, service: str, name: str, body: bytes) -> bytes:
    """The answer of a service to one request of a daemon."""
    reply = f"{permissions.inbox(daemon_id)}.{uuid4().hex}"
    answers = await nats.subscribe(reply)
    try:
        await nats.publish(subjects.daemon_command(daemon_id, service, name), body, reply=reply)
        return (await answers.next_msg(timeout=PATIENCE)).data
    finally:
        await answers.unsubscribe()
