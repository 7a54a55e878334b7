"""The settings `[http]` and `[quotas]`: how much one client, one token, one owner and one daemon may take."""

from pydantic import BaseModel, ConfigDict, Field


class HttpSettings(BaseModel):
    """`[http]`: limits of the gateway's connections and requests. The defaults are far above regular use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="names besides loopback, `host` and IP addresses by which clients reach it; `*` allows any",
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(),
        description="origins, e.g. https://makima.example.org, whose pages may use a session's cookie, besides that of the host asked for; for a proxy that changes Host",
    )
    context: str | None = Field(
        default=None, max_length=64, description="name of this system, which the web page shows"
    )
    demo: bool = Field(
        default=False, description="a demo fleet runs beside it, which the web page says while that starts"
    )
    session_lifetime_days: float = Field(
        default=30, gt=0, le=365, description="of a browser's session; it ends before with its token"
    )
    max_connections: int = Field(
        default=10_000, ge=8, description="at once; never above what the limit of open files leaves"
    )
    header_timeout_seconds: float = Field(
        default=10,
        gt=0,
        le=600,
        description="from a connection, or a request's first byte, to its last header",
    )
    body_timeout_seconds: float = Field(
        default=60, gt=0, le=3600, description="from a request's last header to the end of its body"
    )
    idle_timeout_seconds: int = Field(
        default=75,
        gt=0,
        le=3600,
        description="between two requests; clients should close before, usually at 5 s",
    )
    write_timeout_seconds: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="for a client to read what waits for it; then it is disconnected",
    )
    requests_at_once_per_token: int = Field(
        default=32, ge=1, description="of one token that are served at the same time; others wait a moment"
    )
    searches_at_once_per_token: int = Field(
        default=2, ge=1, description="of these, lists with `q`, which read many rows"
    )
    waits_at_once_per_token: int = Field(
        default=200,
        ge=0,
        description="reads that wait for a change (`Prefer: wait`); one more is answered at once",
    )
    waits_at_once_per_owner: int = Field(
        default=2_000,
        ge=0,
        description="the same of all tokens of one owner, or one daemon, so that they leave others their connections",
    )
    request_wait_seconds: float = Field(
        default=5, ge=0, le=60, description="for its turn; then the request is refused with status 429"
    )
    search_timeout_seconds: float = Field(
        default=2, gt=0, le=30, description="for a list with `q`; then it is ended and refused"
    )
    agent_token_lifetime_days: float = Field(
        default=30, gt=0, le=365, description="of an agent's token; it ends before with its connection"
    )
    token_lifetime_days: float = Field(
        default=90, gt=0, le=36_500, description="of a new token that names no end; administrators' never end"
    )


class QuotaSettings(BaseModel):
    """`[quotas]`: how much one owner and one daemon may have, far above regular use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    open_contracts: int = Field(
        default=200_000, ge=1, description="of one owner, that are not completed, failed or archived"
    )
    events_per_contract: int = Field(
        default=100_000, ge=10, description="then its work goes on in a new contract; this one can be ended"
    )
    agent_tokens_per_contract: int = Field(
        default=1_000, ge=1, description="tokens of one contract's agents that are in force at once"
    )
    agents_per_contract: int = Field(
        default=1_000, ge=1, description="roles that agents of one contract join in, or a daemon reports"
    )
    events_per_agent: int = Field(
        default=10_000, ge=10, description="then it joins under another role; this one can leave"
    )
    senders_per_daemon: int = Field(
        default=5_000,
        ge=1,
        description="supervisors and agents that one daemon has at once; new ones above are refused",
    )
    new_connections_per_daemon: int = Field(
        default=10_000, ge=1, description="of one daemon's supervisors and agents, at once and then per hour"
    )
    saved_state_mib_per_contract: float = Field(
        default=128, gt=0, le=4096, description="of what its supervisors save; a restoration reads all of it"
    )
    saved_state_mib_per_owner: float = Field(
        default=8192, gt=0, description="of what the supervisors of one owner's contracts save, together"
    )
