"""Where makima is and who we are: from arguments, the environment, or the contexts that `makima up` writes."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, cast

from makima_schemas.addresses import contexts_file

from makima_sdk.problems import MakimaError

DEFAULT_URL: Final = "http://127.0.0.1:8420"
DEFAULT_NATS_URL: Final = "nats://127.0.0.1:4222"


class UnknownContextError(MakimaError):
    """No context of that name stands in contexts.toml; `known` lists those that do."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.known = known
        super().__init__(f"no context {name!r}; known: {', '.join(known) or 'none'}")


@dataclass(frozen=True, slots=True)
class Connection:
    """The two addresses of one makima and the token that opens it."""

    url: str = DEFAULT_URL
    nats_url: str = DEFAULT_NATS_URL
    token: str | None = None

    @classmethod
    def default(cls, *, context: str | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """`MAKIMA_URL`, `MAKIMA_NATS_URL` and `MAKIMA_TOKEN` win over the context (`MAKIMA_CONTEXT`, else the current one),
        a context over the defaults of `makima up`. Raises `UnknownContextError`.
        """
        env = os.environ if environ is None else environ
        found = _context(env, context or env.get("MAKIMA_CONTEXT"))
        return cls(
            url=env.get("MAKIMA_URL") or found.get("url") or DEFAULT_URL,
            nats_url=env.get("MAKIMA_NATS_URL") or found.get("nats_url") or DEFAULT_NATS_URL,
            token=env.get("MAKIMA_TOKEN") or found.get("token") or None,
        )


def _context(env: Mapping[str, str], name: str | None) -> Mapping[str, str]:
    path = contexts_file(env)
    document = cast("dict[str, object]", tomllib.loads(path.read_text())) if path.is_file() else {}
    contexts = cast("dict[str, dict[str, str]]", document.get("contexts", {}))
    wanted = name or cast("str | None", document.get("current"))
    if name is not None and name not in contexts:
        raise UnknownContextError(name, tuple(contexts))
    return contexts.get(wanted or "", {})
