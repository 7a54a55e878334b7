"""Reads a service's settings: `makima.toml` < environment `MAKIMA_*` (`__` for nesting) < arguments.

Unknown keys are refused, with the nearest known one as a suggestion.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import urlsplit

from makima_schemas.addresses import SecretFileError
from makima_schemas.subjects import SHARDS
from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as MalformedSettingError

from makima_kernel.service import connecting, listening
from makima_kernel.service.addresses_in_files import IN_FILES, addresses_in_files
from makima_kernel.service.contracts_settings import ContractsSettings, FeatureFlags
from makima_kernel.service.http_settings import HttpSettings, QuotaSettings
from makima_kernel.service.service_links import service_links
from makima_kernel.service.settings_file import SettingsFile, SettingsFileError

# Variables `MAKIMA_<NAME>` that are read by the CLI, the SDK, the runner or the tests, and not by a service.
NOT_SETTINGS = frozenset(
    {
        "HOME",
        "CONFIG",
        "URL",
        "TOKEN",
        "TOKEN_FILE",
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


class SettingsError(ValueError):
    """A setting is unknown or has an invalid value; the message names the key and says what to do."""


class Settings(BaseSettings):
    """The settings that every service reads once at its start.

    A service with further settings subclasses it.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="MAKIMA_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # an address may contain a password
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
    trusted_network: bool = Field(
        default=False,
        description="says that nobody else can read the network between this service and Postgres or the broker, "
        "e.g. that of containers on one machine; without it, their addresses on other machines need TLS",
    )
    host: str = Field(
        default="127.0.0.1",
        min_length=1,  # an empty one would mean every address of the machine
        description="address of the HTTP servers; the default accepts connections from this machine only",
    )
    tls_cert_file: Path | None = Field(
        default=None, description="gateway only: PEM file with the certificate chain of the HTTP API"
    )
    tls_key_file: Path | None = Field(default=None, description="gateway only: PEM file with its private key")
    behind_proxy: bool = Field(
        default=False,
        description="says that an address other than loopback is reached only through a proxy that ends TLS, "
        "or through a container's port that is published on 127.0.0.1",
    )
    port: int = Field(default=8420, description="gateway only: port of the HTTP API")
    admin_token_sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="gateway only: SHA-256 of a token with the role admin; the token itself is never sent to it",
    )
    health_port: int = Field(
        default=0, description="port of /livez, /readyz, /healthz and /metrics; 0: any free port"
    )
    log_level: str = "info"
    data_dir: Path | None = Field(
        default=None,
        description="folder of Postgres and the broker; a service is not ready while its disk is full",
    )
    http: HttpSettings = HttpSettings()
    quotas: QuotaSettings = QuotaSettings()
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

    @model_validator(mode="after")
    def _not_in_the_clear(self) -> Self:
        """Refuses to listen for other machines without TLS, and to connect to them: tokens, passwords and events
        would cross the network readable.
        """
        if (why := listening.refusal(self) or connecting.refusal(self, os.environ)) is not None:
            raise ValueError(why)
        return self

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
        """The sources in order of precedence: arguments, environment, files named by the environment,
        `makima.toml` (or the file `MAKIMA_CONFIG`).
        """
        del dotenv_settings, file_secret_settings
        if isinstance(env_settings, EnvSettingsSource):
            links = service_links(os.environ)
            env_settings.env_vars = {
                name: value for name, value in env_settings.env_vars.items() if name.upper() not in links
            }
        in_files = InitSettingsSource(settings_cls, addresses_in_files())
        return init_settings, env_settings, in_files, SettingsFile(settings_cls)


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
    except (SettingsFileError, SecretFileError) as error:
        raise SettingsError(str(error)) from error
    except MalformedSettingError as error:  # a list or a table in an environment variable is not valid JSON
        raise SettingsError(f"{error}: {error.__cause__}") from error


def _refuse_unknown_environment(cls: type[BaseModel], environment: Mapping[str, str]) -> None:
    links = service_links(environment)
    for variable in environment.keys() - links:
        name = variable.removeprefix("MAKIMA_")
        first = name.split("__")[0].lower()
        known = name in NOT_SETTINGS or first in cls.model_fields or first.removesuffix("_file") in IN_FILES
        if variable == name or known:
            continue
        raise SettingsError(
            f"environment variable {variable} is not a setting{_nearest(first, cls.model_fields, 'MAKIMA_', upper=True)}"
        )


def _explain(cls: type[BaseModel], problem: Mapping[str, Any]) -> str:
    path: tuple[str | int, ...] = problem["loc"]
    dotted = ".".join(str(part) for part in path)
    if not path:  # about several settings, which the message names
        return str(problem["msg"]).removeprefix("Value error, ")
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
