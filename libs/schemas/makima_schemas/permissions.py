"""Which user may publish and subscribe to which subjects of the broker.

One table, from which the broker's configuration, the generated page and the test are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from makima_schemas import subjects

ADMIN: Final = "admin"
PROVISIONER: Final = "provisioner"
GATEWAY: Final = "gateway"
AUTHENTICATOR: Final = "authenticator"
# The subjects of replies to requests. Each user has its own inbox prefix, and NATS clients make inboxes of
# two or three tokens. Of makima's other subjects only the pokes are that short.
ANY_INBOX: Final = ("*.*", "*.*.*")


@dataclass(frozen=True, slots=True)
class Permissions:
    """The permissions of one user."""

    publish: tuple[str, ...]  # subjects, with wildcards
    subscribe: tuple[str, ...]  # subjects, with wildcards
    # May also send one reply to each request that it receives, to the request's reply subject.
    answers: bool = False


def inbox(user: str) -> str:
    """The prefix of a user's inboxes."""
    return f"_INBOX_{user}"


def daemon(daemon_id: str) -> Permissions:
    """A daemon publishes its heartbeats and commands, and receives its signals and replies;
    it cannot use JetStream.
    """
    return Permissions(
        publish=(
            subjects.daemon_heartbeat(daemon_id),
            subjects.supervisor_heartbeat(daemon_id, ">"),
            f"makima.heartbeats.agent.{daemon_id}.>",
            f"{subjects.COMMANDS}.from.{daemon_id}.>",
        ),
        subscribe=(subjects.daemon_signal(daemon_id, ">"), f"{inbox(daemon_id)}.>"),
        answers=True,
    )


def _service(name: str, says: tuple[str, ...] = (), hears: tuple[str, ...] = ()) -> Permissions:
    """The permissions of a service: the common ones, `says` to publish and `hears` to subscribe.

    All services run the relay, read the log from JetStream, create consumers, and serve their own commands.
    """
    return Permissions(
        publish=(
            "$JS.API.>",
            "$JS.ACK.>",
            "$JS.FC.>",
            subjects.EVENTS,
            subjects.DEAD_LETTERS,
            "makima.poke.>",
            *ANY_INBOX,
            *says,
        ),
        subscribe=(
            f"{inbox(name)}.>",
            "makima.poke.>",
            f"{subjects.COMMANDS}.{name}.>",
            f"{subjects.COMMANDS}.from.*.{name}.>",
            *hears,
        ),
    )


SERVICES: Final[Mapping[str, Permissions]] = {
    "contract": _service("contract", says=(subjects.daemon_signal("*", "start"),)),
    "supervisor_heartbeat": _service(
        "supervisor_heartbeat",
        says=(
            subjects.STATE_FEED,
            "makima.signals.>",
            subjects.command("contract", "assign_contract"),
            subjects.command("supervisor_heartbeat", "restore_supervisor"),
        ),
    ),
    "completion_detector": _service(
        "completion_detector",
        says=(f"{subjects.COMMANDS}.contract.>", subjects.daemon_signal("*", "cleanup_worktrees")),
        hears=(subjects.daemon_heartbeat("*"),),
    ),
    "stale_detector": _service(
        "stale_detector",
        says=(
            f"{subjects.COMMANDS}.supervisor_heartbeat.>",
            subjects.command("contract", "return_tasks"),
            subjects.command("contract", "ask_for_role"),
            "makima.shards.*.canary",
            subjects.MONITOR_STALE,
        ),
    ),
    GATEWAY: _service(
        GATEWAY,
        says=(f"{subjects.COMMANDS}.*.*", subjects.HEARTBEATS, "makima.signals.>"),
        hears=(subjects.STATE_FEED, subjects.MONITOR_STALE),
    ),
}

# `admin` may subscribe to everything and send heartbeats,
# and may do what `makima ledger` needs: JetStream and rebuilds.
USERS: Final[Mapping[str, Permissions]] = {
    **SERVICES,
    PROVISIONER: Permissions(publish=("$JS.API.>",), subscribe=(f"{inbox(PROVISIONER)}.>",)),
    ADMIN: Permissions(
        publish=(subjects.HEARTBEATS, "$JS.API.>", "$JS.ACK.>", f"{subjects.COMMANDS}.*.rebuild"),
        subscribe=(">",),
    ),
}

# Users of the broker's system account, which carries no subjects of makima. The authenticator is the gateway
# under a second name, with the same password: it answers the broker about daemons' logins, and ends connections.
SYSTEM: Final[Mapping[str, Permissions]] = {
    AUTHENTICATOR: Permissions(
        publish=("$SYS.REQ.SERVER.*.CONNZ", "$SYS.REQ.SERVER.*.KICK"),
        subscribe=("$SYS.REQ.USER.AUTH", f"{inbox(AUTHENTICATOR)}.>"),
        answers=True,
    ),
}
