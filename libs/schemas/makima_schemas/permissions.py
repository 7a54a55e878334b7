"""Who may say and hear what on the broker: one table, from which its configuration, the page and the test are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from makima_schemas import subjects

ADMIN: Final = "admin"
PROVISIONER: Final = "provisioner"
GATEWAY: Final = "gateway"
RELOADER: Final = "reloader"
# Where answers go. Each user has an inbox prefix of its own, so an inbox has two or three parts (what nats clients make); of ours, only pokes have so few.
ANY_INBOX: Final = ("*.*", "*.*.*")


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects with wildcards; `answers`: one answer to whoever asked, wherever the question says."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    answers: bool = False


@dataclass(frozen=True, slots=True)
class DaemonUser:
    """A daemon that may come in; `password_hash` is bcrypt's."""

    user: str
    password_hash: str
    daemon_id: str


def inbox(user: str) -> str:
    """The prefix of the inboxes of a service or a daemon."""
    return f"_INBOX_{user}"


def daemon(daemon_id: str) -> Permissions:
    """Its own heartbeats and commands out, its own signals and answers in; nothing of JetStream."""
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
    """What each needs: the relay runs in all of them, and all follow the log and keep their place in streams."""
    return Permissions(
        publish=("$JS.API.>", "$JS.ACK.>", "$JS.FC.>", subjects.EVENTS, subjects.DEAD_LETTERS, "makima.poke.>", *ANY_INBOX, *says),
        subscribe=(f"{inbox(name)}.>", "makima.poke.>", f"{subjects.COMMANDS}.{name}.>", f"{subjects.COMMANDS}.from.*.{name}.>", *hears),
    )


SERVICES: Final[Mapping[str, Permissions]] = {
    "contract": _service("contract"),
    "supervisor_heartbeat": _service("supervisor_heartbeat", says=(subjects.STATE_FEED, "makima.signals.>")),
    "completion_detector": _service(
        "completion_detector",
        says=(f"{subjects.COMMANDS}.contract.>", subjects.daemon_signal("*", "cleanup_worktrees")),
        hears=(subjects.daemon_heartbeat("*"),),
    ),
    "stale_detector": _service(
        "stale_detector",
        says=(f"{subjects.COMMANDS}.supervisor_heartbeat.>", "makima.shards.*.canary", subjects.MONITOR_STALE),
    ),
    GATEWAY: _service(
        GATEWAY,
        says=(f"{subjects.COMMANDS}.*.*", subjects.HEARTBEATS, "makima.signals.>"),
        hears=(subjects.STATE_FEED, subjects.MONITOR_STALE),
    ),
}

# `admin` looks at everything, sends heartbeats, and has what `makima ledger` needs: streams, and a rebuild.
USERS: Final[Mapping[str, Permissions]] = {
    **SERVICES,
    PROVISIONER: Permissions(publish=("$JS.API.>",), subscribe=(f"{inbox(PROVISIONER)}.>",)),
    ADMIN: Permissions(publish=(subjects.HEARTBEATS, "$JS.API.>", "$JS.ACK.>", f"{subjects.COMMANDS}.*.rebuild"), subscribe=(">",)),
}

# In the broker's own account, where nothing of ours is said: the gateway under a second name, with its one password.
SYSTEM: Final[Mapping[str, Permissions]] = {
    RELOADER: Permissions(publish=("$SYS.REQ.SERVER.*.RELOAD",), subscribe=(f"{inbox(RELOADER)}.>",)),
}
