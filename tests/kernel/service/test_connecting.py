"""A service connects to other machines with TLS alone, unless a setting says that the network between is trusted."""

import os
import subprocess
import sys

import pytest
from makima_kernel.service.settings import Settings, SettingsError, load

from tests.deploy.compose_file import SERVICES, TOP

LOCAL_NATS = "nats://127.0.0.1:4222"
LOCAL_POSTGRES = "postgresql:///makima"


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGSSLMODE", "MAKIMA_DATABASE_URL", "MAKIMA_NATS_URL", "MAKIMA_TRUSTED_NETWORK"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "url",
    [
        LOCAL_NATS,
        "nats://contract:secret@127.0.0.2:4222",
        "nats://localhost",
        "nats://[::1]:4222",
        "localhost:4222",
        "ws://localhost:9222",
        "tls://contract:secret@nats:4222",
        "wss://nats:443",
    ],
)
def test_a_broker_on_this_machine_or_with_tls(url: str) -> None:
    assert load(Settings, nats_url=url).nats_url == url


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (
            "nats://contract:secret@nats:4222",
            "nats",
        ),  # the name of a container, which a network stands between
        ("nats://10.0.0.7", "10.0.0.7"),
        ("nats://[fd00::7]:4222", "fd00::7"),
        ("ws://broker.example.org", "broker.example.org"),
        ("contract:secret@nats:4222", "nats"),
        ("nats:4222", "nats"),
        ("nats://localhost.example.org", "localhost.example.org"),
    ],
)
def test_a_broker_on_another_machine_without_tls(url: str, host: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(Settings, nats_url=url)
    said = str(refused.value)
    assert said.startswith(f"nats_url leads to another machine ({host}) without TLS")
    assert said.endswith(
        "begin it with tls://, or set trusted_network = true if nobody else can read that network"
    )
    assert "secret" not in said
    assert load(Settings, nats_url=url, trusted_network=True).nats_url == url


@pytest.mark.parametrize(
    "url",
    [
        LOCAL_POSTGRES,
        "postgresql://makima:secret@127.0.0.1:5432/makima",
        "postgresql://makima@localhost/makima?sslmode=disable",
        "postgresql://makima@[::1]:5432/makima",
        "postgresql://postgres@/makima?host=/run/postgresql&sslmode=disable",
        "postgresql://postgres@%2Frun%2Fpostgresql/makima",
        "postgresql://makima@db/makima?sslmode=require",
        "postgresql://makima@db/makima?sslmode=verify-ca",
        "postgresql://makima@db,db2:5433/makima?sslmode=verify-full",
    ],
)
def test_a_postgres_on_this_machine_or_with_tls(url: str) -> None:
    assert load(Settings, database_url=url).database_url == url


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("postgresql://makima:secret@postgres:5432/makima", "postgres"),
        ("postgresql://makima:secret@db/makima?sslmode=prefer", "db"),
        ("postgresql://makima:secret@db/makima?sslmode=allow", "db"),
        ("postgresql://makima:secret@db/makima?sslmode=disable", "db"),
        ("postgresql:///makima?host=db", "db"),
        ("postgresql://localhost,db:5433/makima", "db"),
        ("postgresql://[fd00::7]:5432/makima", "fd00::7"),
    ],
)
def test_a_postgres_on_another_machine_without_tls(url: str, host: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(Settings, database_url=url)
    said = str(refused.value)
    assert said.startswith(f"database_url leads to another machine ({host}) without TLS")
    assert "add sslmode=verify-full to it, or set trusted_network = true" in said
    assert "secret" not in said
    assert load(Settings, database_url=url, trusted_network=True).database_url == url


def test_what_the_address_of_postgres_leaves_open_stands_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGHOST", "db")
    with pytest.raises(SettingsError, match=r"database_url leads to another machine \(db\)"):
        load(Settings)
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert load(Settings).database_url == LOCAL_POSTGRES


@pytest.mark.parametrize("module", ["makima_contract", "makima_kernel.service.provision"])
def test_the_process_ends_with_one_line_and_without_the_password(module: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", module],
        env={**os.environ, "MAKIMA_NATS_URL": "nats://contract:mk_secret@nats:4222"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "nats_url leads to another machine (nats) without TLS" in line
    assert "mk_secret" not in ended.stdout + ended.stderr


def test_compose_states_that_its_network_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'MAKIMA_TRUSTED_NETWORK: "true"' in TOP["x-service"]
    connecting = [own for own in SERVICES.values() if "MAKIMA_NATS_URL: " in own]
    assert len(connecting) == 6
    assert all("<<: *environment" in own for own in connecting)
    monkeypatch.setenv("MAKIMA_TRUSTED_NETWORK", "true")
    load(
        Settings, nats_url="nats://gateway@nats:4222", database_url="postgresql://makima@postgres:5432/makima"
    )
