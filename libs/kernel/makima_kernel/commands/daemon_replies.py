"""Keeps answers to daemons in their own inboxes. The broker checks no reply subjects, so a service would publish its
answer, with its own permissions, to whatever subject a daemon names.
"""

from typing import Final

import structlog
from faststream.nats import NatsMessage
from makima_schemas.errors import ErrorCode
from makima_schemas.permissions import inbox

from makima_kernel.telemetry import metrics

MAX_LOGGED_CHARACTERS: Final = 200  # characters of a reply subject in the log


async def reply_stays_in_inbox(message: NatsMessage, label: str) -> bool:
    """False for a daemon's command whose reply subject is not below that daemon's inbox: it must not be handled.

    Then it is counted under `label`, logged, and FastStream sends no reply.
    """
    principal = message.path.get("principal")
    if principal is None or not message.reply_to or message.reply_to.startswith(f"{inbox(principal)}."):
        return True
    metrics.command_seconds.labels(label, ErrorCode.FORBIDDEN.value).observe(0.0)
    await structlog.get_logger().awarning(
        "command.reply_refused", principal=principal, reply=message.reply_to[:MAX_LOGGED_CHARACTERS]
    )
    message.reply_to = ""
    return False
