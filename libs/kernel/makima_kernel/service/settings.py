"""Reads a service's settings: `makima.toml` < environment `MAKIMA_*` (`__` for nesting) < arguments.

Unknown keys are refused, with the nearest known one as a suggestion.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import urlsplit

from makima_schemas.subjects import SHARDS
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as MalformedSettingError

from makima_kernel.service.timeouts import KeepableTimeouts

# Variables `MAKIMA_<NAME>` that are read by the CLI, the SDK, the runner or the tests, and not by a service.
NOT_SETTINGS = frozenset(
    {
        "HOME",
        "CONFIG",
        "URL",
        "TOKEN",
        "CONTEXT",
        "CONTRACT",
        "ROLE",
        "CONNECTION_ID",
        "TEST_SERVERS",
        "TEST_CHAOS",
        "E2E_URL",
        "E2E_NATS_URL",
    }
)


_LINK: Final = re.compile(
    r"(?P<service>\w+?)_(?P<member>SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$"
)
_LINK_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://")


class SettingsError(ValueError):
    """A setting is unknown or has an invalid value; the message names the key and says what to do."""


class ContractsSettings(KeepableTimeouts):
    """`[contracts]`: the deadlines of domain.md, in the unit at the end of each name,
    and the switches of plan 2.3.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    auto_complete_enabled: bool = True
    auto_advance_phases: bool = True
    heartbeat_interval_seconds: float = Field(default=30, gt=0)
    heartbeat_timeout_seconds: float = Field(default=120, gt=0)
    reconnect_grace_seconds: float = Field(
        default=3, ge=0, description="how far the observed clock is set back after a gap in the stream"
    )
    agent_timeout_seconds: float = Field(default=90, gt=0)
    stale_threshold_minutes: float = Field(default=30, gt=0)
    stale_detection_interval_seconds: float = Field(default=60, gt=0)
    cleanup_timeout_seconds: float = Field(default=30, gt=0)
    validator_timeout_seconds: float = Field(
        default=10,
        gt=0,
        le=10,
        description="timeout of one validator; at most 10, as the lease of an evaluation lasts no longer",
    )
    heartbeat_retention_hours: float = Field(
        default=24, gt=0, le=40, description="each hour is a partition, and fewer than 50 may be attached"
    )
    heartbeat_history_gib: float = Field(
        default=100, gt=0, description="above this size the oldest hours are dropped early"
    )


class FeatureFlags(BaseModel):
    """`[feature_flags]`: the effect of a flag that is off is described in domain.md, Errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enhanced_contract_status: bool = True
    auto_complete: bool = True
    supervisor_heartbeat: bool = True
    monitoring_dashboard: bool = True


class Settings(BaseSettings):
    """The settings that every service reads once at its start.

    A service with further settings subclasses it.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="MAKIMA_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    database_url: str = Field(
        default="postgresql:///makima", description="URL of Postgres, as asyncpg accepts it"
    )
    nats_password_file: Path | None = Field(
        default=None,
        description="file with the password of the user in nats_url, to keep it out of the environment",
    )
    nats_url: str = Field(default="nats://127.0.0.1:4222", validate_default=True)
    nats_issuer_seed_file: Path | None = Field(
        default=None,
        description="gateway only: file with the key that signs daemons' logins; the broker's auth.conf names it",
    )
    host: str = Field(
        default="127.0.0.1",
        description="address of the HTTP servers; the default accepts connections from this machine only",
    )
    port: int = Field(default=8420, description="gateway only: port of the HTTP API")
    admin_token_sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="gateway only: SHA-256 of a token with the role admin; the token itself is never sent to it",
    )
    health_port: int = Field(default=0, description="port of /livez, /readyz and /metrics; 0: any free port")
    log_level: str = "info"
    data_dir: Path | None = Field(
        default=None,
        description="folder of Postgres and the broker; a service is not ready while its disk is full",
    )
    contracts: ContractsSettings = ContractsSettings()
    feature_flags: FeatureFlags = FeatureFlags()
    contract_types_file: Path | None = Field(
        default=None, description="file with contract types in addition to the built-in ones"
    )
    stream_budget: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of the full stream sizes (4 GiB of events, 8 GiB of heartbeats) to reserve",
    )
    stream_replicas: int = Field(
        default=1,
        ge=1,
        le=5,
        description="on how many servers of a NATS cluster each stream is stored; provisioning never lowers it",
    )
    recorder_shards: tuple[int, ...] = Field(
        default=tuple(range(SHARDS)),
        description="shards of the heartbeats that this supervisor_heartbeat records; other processes record the rest",
    )

    @field_validator("nats_url")
    @classmethod
    def _with_password(cls, url: str, info: ValidationInfo) -> str:
        """Adds the password from `nats_password_file`, if given,
        so that all code can connect with `nats_url` alone.

        The file's field is declared before this one, so it has been validated already.
        """
        file: Path | None = info.data.get("nats_password_file")
        if file is None:
            return url
        parts = urlsplit(url)
        if not parts.username or parts.password:
            raise ValueError(
                f"nats_password_file needs a nats_url with a user and without a password, e.g. nats://contract@{parts.hostname}"
            )
        try:
            password = file.read_text().strip()
        except OSError as error:
            raise ValueError(f"nats_password_file cannot be read: {error}") from error
        if not password:
            raise ValueError(f"nats_password_file is empty: {file}")
        return parts._replace(
            netloc=f"{parts.username}:{password}@{parts.netloc.rpartition('@')[2]}"
        ).geturl()

    @field_validator("recorder_shards")
    @classmethod
    def _exist(cls, shards: tuple[int, ...]) -> tuple[int, ...]:
        """Refuses an empty list, duplicates, and shards that do not exist."""
        if not shards or len(set(shards)) < len(shards) or not set(shards) <= set(range(SHARDS)):
            raise ValueError(f"{list(shards)} is not a list of shards from 0 to {SHARDS - 1}, each once")
        return shards

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources in order of precedence: arguments, environment,
        `makima.toml` (or the file `MAKIMA_CONFIG`).
        """
        del dotenv_settings, file_secret_settings
        if isinstance(env_settings, EnvSettingsSource):
            links = service_links(os.environ)
            env_settings.env_vars = {
                name: value for name, value in env_settings.env_vars.items() if name.upper() not in links
            }
        path = Path(os.environ.get("MAKIMA_CONFIG", "makima.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)


S = TypeVar("S", bound=Settings)


def load(cls: type[S], **given: Any) -> S:
    """Reads the settings; `given` overrides single ones.

    Raises `SettingsError` for an unknown key or an invalid value;
    it names the key, and the nearest known one.
    """
    _refuse_unknown_environment(cls, os.environ)
    try:
        return cls(**given)
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(cls, dict(problem)) for problem in error.errors())) from error
    except MalformedSettingError as error:  # a list or a table in an environment variable is not valid JSON
        raise SettingsError(f"{error}: {error.__cause__}") from error


def _refuse_unknown_environment(cls: type[BaseModel], environment: Mapping[str, str]) -> None:
    links = service_links(environment)
    for variable in environment.keys() - links:
        name = variable.removeprefix("MAKIMA_")
        first = name.split("__")[0].lower()
        if variable == name or name in NOT_SETTINGS or first in cls.model_fields:
            continue
        raise SettingsError(
            f"environment variable {variable} is not a setting{_nearest(first, cls.model_fields, 'MAKIMA_', upper=True)}"
        )


def service_links(environment: Mapping[str, str]) -> set[str]:
    """The variables with which Kubernetes (as Docker's links) tells each container of the services beside it:
    for one that is called `makima-gateway` `MAKIMA_GATEWAY_PORT=tcp://10.0.0.7:8420`, and others of that name.
    They are nobody's settings.
    """
    named = {variable: found for variable in environment if (found := _LINK.match(variable)) is not None}
    addresses = {variable for variable in named if _LINK_ADDRESS.match(environment[variable])}
    linked = {named[variable]["service"] for variable in addresses}
    return addresses | {
        variable
        for variable, found in named.items()
        if found["service"] in linked and found["member"] != "PORT"  # that one is set by hand, if no address
    }


def _explain(cls: type[BaseModel], problem: Mapping[str, Any]) -> str:
    path: tuple[str | int, ...] = problem["loc"]
    dotted = ".".join(str(part) for part in path)
    if problem["type"] != "extra_forbidden":
        return f"setting {dotted}: {problem['msg']}"
    owner: type[BaseModel] = cls
    for part in path[:-1]:
        annotation = owner.model_fields[str(part)].annotation
        owner = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else owner
    return f"setting {dotted} is unknown{_nearest(str(path[-1]), owner.model_fields)}"


def _nearest(name: str, known: Iterable[str], prefix: str = "", *, upper: bool = False) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    if not close:
        return f"; known are {', '.join(sorted(known))}"
    return f"; did you mean {prefix}{close[0].upper() if upper else close[0]}?"
