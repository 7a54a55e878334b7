"""Settings come from three places in a fixed order, and nothing misspelt is ignored."""

from pathlib import Path

import pytest
from makima_kernel.service.settings import Settings, SettingsError, load


@pytest.fixture(autouse=True)
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "makima.toml"
    path.touch()
    monkeypatch.setenv("MAKIMA_CONFIG", str(path))
    monkeypatch.delenv("MAKIMA_DATABASE_URL", raising=False)
    return path


def test_arguments_win_over_the_environment_and_that_over_the_file(
    toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml.write_text(
        'log_level = "debug"\nport = 1\nhealth_port = 1\n[contracts]\nheartbeat_interval_seconds = 7\nagent_timeout_seconds = 24\n'
    )
    monkeypatch.setenv("MAKIMA_PORT", "2")
    monkeypatch.setenv("MAKIMA_HEALTH_PORT", "2")
    monkeypatch.setenv("MAKIMA_CONTRACTS__HEARTBEAT_INTERVAL_SECONDS", "9.5")
    settings = load(Settings, health_port=3)
    assert (settings.log_level, settings.port, settings.health_port) == ("debug", 2, 3)
    assert (settings.contracts.heartbeat_interval_seconds, settings.contracts.agent_timeout_seconds) == (
        9.5,
        24,
    )


def test_without_any_source_the_plans_deadlines_hold() -> None:
    contracts = load(Settings).contracts
    assert (
        contracts.heartbeat_interval_seconds,
        contracts.heartbeat_timeout_seconds,
        contracts.agent_timeout_seconds,
    ) == (30, 120, 90)
    assert (contracts.stale_threshold_minutes, contracts.stale_detection_interval_seconds) == (30, 60)
    assert contracts.auto_complete_enabled
    assert contracts.auto_advance_phases


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[contracts]\nheartbeat_intervall_seconds = 1",
            "setting contracts.heartbeat_intervall_seconds is unknown; did you mean heartbeat_interval_seconds?",
        ),
        (
            "[feature_flag]\nauto_complete = false",
            "setting feature_flag is unknown; did you mean feature_flags?",
        ),
        ("port = 'eight'", "setting port: "),
        ("[contracts]\nheartbeat_timeout_seconds = 0", "setting contracts.heartbeat_timeout_seconds: "),
        (
            "[contracts]\nheartbeat_timeout_seconds = 44",
            "setting contracts: Value error, heartbeat_timeout_seconds is 44; with a heartbeat each 30 s and a reconnect grace of 3 s it is at least 63",
        ),
        (
            "[contracts]\nagent_timeout_seconds = 30",
            "setting contracts: Value error, agent_timeout_seconds is 30; with a heartbeat each 30 s and a reconnect grace of 3 s it is at least 63",
        ),
        (
            "recorder_shards = []",
            "setting recorder_shards: Value error, [] is not a list of shards from 0 to 7",
        ),
        (
            "recorder_shards = [1, 1]",
            "setting recorder_shards: Value error, [1, 1] is not a list of shards from 0 to 7, each once",
        ),
        (
            "recorder_shards = [0, 8]",
            "setting recorder_shards: Value error, [0, 8] is not a list of shards from 0 to 7",
        ),
        (
            "recorder_shards = [-1]",
            "setting recorder_shards: Value error, [-1] is not a list of shards from 0 to 7",
        ),
    ],
)
def test_what_is_unknown_or_unfit_in_the_file_is_refused_with_what_to_do(
    toml: Path, text: str, says: str
) -> None:
    toml.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    assert str(caught.value).startswith(says)


def test_a_misspelt_environment_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKIMA_NATS_URI", "nats://x")
    with pytest.raises(
        SettingsError, match=r"MAKIMA_NATS_URI is not a setting; did you mean MAKIMA_NATS_URL\?"
    ):
        load(Settings)


@pytest.mark.parametrize(
    "service", ["MAKIMA", "MAKIMA_GATEWAY", "MAKIMA_NATS", "MAKIMA_HEALTH", "MAKIMA_CONTRACT"]
)
def test_what_kubernetes_tells_of_the_services_beside_it_is_no_setting(
    monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    address = "tcp://10.0.0.7:8420"
    for name, value in {
        "PORT": address,
        "SERVICE_HOST": "10.0.0.7",
        "SERVICE_PORT": "8420",
        "SERVICE_PORT_HTTP": "8420",
        "PORT_8420_TCP": address,
        "PORT_8420_TCP_PROTO": "tcp",
        "PORT_8420_TCP_PORT": "8420",
        "PORT_8420_TCP_ADDR": "10.0.0.7",
    }.items():
        monkeypatch.setenv(f"{service}_{name}", value)
    settings = load(Settings, log_level="debug")
    assert (settings.port, settings.health_port, settings.nats_url) == (8420, 0, "nats://127.0.0.1:4222")


def test_a_port_that_is_set_by_hand_holds_beside_a_service_of_that_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAKIMA_PORT", "8421")
    monkeypatch.setenv("MAKIMA_SERVICE_HOST", "10.0.0.7")
    monkeypatch.setenv("MAKIMA_PORT_8420_TCP", "tcp://10.0.0.7:8420")
    assert load(Settings).port == 8421


def test_a_misspelt_port_is_no_service_of_kubernetes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKIMA_GATEWAY_PORT", "8421")
    with pytest.raises(SettingsError, match="MAKIMA_GATEWAY_PORT is not a setting"):
        load(Settings)
    monkeypatch.setenv("MAKIMA_GATEWAY_PORT", "tcp://10.0.0.7:8420")
    monkeypatch.setenv("MAKIMA_GATEWAY_SERVICE", "x")
    with pytest.raises(SettingsError, match="MAKIMA_GATEWAY_SERVICE is not a setting"):
        load(Settings)


def test_what_one_service_needs_may_stand_in_the_file_of_all(toml: Path) -> None:
    toml.write_text("recorder_shards = [4, 5]")
    assert load(Settings).recorder_shards == (4, 5)


def test_a_list_in_the_environment_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKIMA_RECORDER_SHARDS", "0,1")
    with pytest.raises(SettingsError, match="recorder_shards"):
        load(Settings)


def test_the_password_of_a_broker_user_may_lie_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("mk_secret\n")
    monkeypatch.setenv("MAKIMA_NATS_PASSWORD_FILE", str(file))
    monkeypatch.setenv("MAKIMA_NATS_URL", "tls://contract@nats:4222")
    assert load(Settings).nats_url == "tls://contract:mk_secret@nats:4222"


@pytest.mark.parametrize(
    ("url", "file", "says"),
    [
        (
            None,
            "password",
            "setting nats_url: Value error, nats_password_file needs a nats_url with a user",
        ),
        ("nats://contract:other@nats:4222", "password", "without a password, e.g. nats://contract@nats"),
        (
            "nats://contract@nats:4222",
            "missing",
            "setting nats_url: Value error, nats_password_file cannot be read: .*missing",
        ),
        (
            "nats://contract@nats:4222",
            "empty",
            "setting nats_url: Value error, nats_password_file is empty: .*empty",
        ),
    ],
)
def test_a_password_of_nobody_or_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str | None, file: str, says: str
) -> None:
    (tmp_path / "password").write_text("mk_secret")
    (tmp_path / "empty").write_text("\n")
    monkeypatch.delenv("MAKIMA_NATS_URL", raising=False)
    given = {"nats_password_file": tmp_path / file} | ({} if url is None else {"nats_url": url})
    with pytest.raises(SettingsError, match=says):
        load(Settings, **given)


def test_a_settings_file_may_begin_with_a_byte_order_mark(toml: Path) -> None:
    toml.write_bytes(b"\xef\xbb\xbfport = 1\n")
    assert load(Settings).port == 1


def test_a_settings_file_that_is_named_is_read_or_refused(toml: Path) -> None:
    toml.write_text("port = [")
    with pytest.raises(SettingsError, match=r"makima\.toml cannot be read"):
        load(Settings)
    toml.unlink()
    with pytest.raises(SettingsError, match=r"makima\.toml, which is no file"):
        load(Settings)


def test_no_host_is_not_every_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKIMA_HOST", "")
    with pytest.raises(SettingsError, match="setting host"):
        load(Settings)


@pytest.mark.parametrize("name", ["database_url", "nats_url"])
def test_an_address_with_a_password_may_lie_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file, variable = tmp_path / "url", f"MAKIMA_{name.upper()}"
    file.write_text("nats://me:secret@there\n")
    monkeypatch.setenv("MAKIMA_TRUSTED_NETWORK", "true")
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(f"{variable}_FILE", str(file))
    assert getattr(load(Settings), name) == "nats://me:secret@there"
    assert getattr(load(Settings, **{name: "nats://given"}), name) == "nats://given"
    monkeypatch.setenv(variable, "nats://in-the-environment")
    assert getattr(load(Settings), name) == "nats://in-the-environment"
    monkeypatch.delenv(variable)
    file.unlink()
    with pytest.raises(SettingsError, match=f"{variable}_FILE names cannot be read"):
        load(Settings)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "makima.example"])
def test_listening_for_other_machines_needs_tls_or_a_stated_proxy(host: str) -> None:
    with pytest.raises(SettingsError, match="tokens would cross the network readable: set tls_cert_file"):
        load(Settings, host=host)
    files = {"tls_cert_file": "cert.pem", "tls_key_file": "key.pem"}
    for said in ({"behind_proxy": True}, files):
        assert load(Settings, host=host, **said).host == host
    for half in files:
        with pytest.raises(SettingsError, match="tls_cert_file and tls_key_file go together"):
            load(Settings, host=host, **{half: "one.pem"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_may_talk_to_itself_in_the_clear(host: str) -> None:
    assert load(Settings, host=host).host == host
