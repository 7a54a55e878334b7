"""Addresses, tokens, proxies and certificates that cannot be used are refused in one line without a secret; what
runs on this machine needs neither proxy nor certificate.
"""

from contextlib import aclosing
from pathlib import Path

import pytest
from makima_local import ports
from makima_sdk import Connection, ConnectionSettingsError, Http, monitor

from tests.sdk.http_server import server


@pytest.mark.parametrize("end", ["\n", "\r\n", " "])
def test_space_around_a_token_is_left_out(tmp_path: Path, end: str) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "MAKIMA_TOKEN": f"mk_secret{end}"}
    assert Connection.default(environ=environ).token == "mk_secret"


@pytest.mark.parametrize("token", ["mk_a\r\nX-Evil: 1", "mk_ä", "mk_a b", "mk_\udcff"])
async def test_no_error_shows_a_token(token: str) -> None:
    with pytest.raises(ConnectionSettingsError) as refused:
        Http("http://127.0.0.1:1", token)
    assert "mk_" not in str(refused.value)
    with pytest.raises(ConnectionSettingsError) as refused:
        async with aclosing(monitor(Connection("http://127.0.0.1:1", token=token))) as events:
            await anext(events)
    assert "mk_" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["localhost:8420", "ftp://x", "http://", "http://x:port", "http://a b", "http://x\n"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConnectionSettingsError, match="http://host:port"):
        Http(url)


async def test_this_machine_is_reached_without_proxy_and_certificates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    port = ports.free()
    async with server(port, lambda _: (200, '{"items": []}')), Http(f"http://localhost:{port}") as http:
        assert (await http.send("GET", "/contracts")).body == {"items": []}


@pytest.mark.parametrize(
    ("name", "value", "url"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", "http://makima.example"),
        ("HTTP_PROXY", "nonsense://127.0.0.1:9", "http://makima.example"),
        ("SSL_CERT_FILE", "/nowhere.pem", "https://makima.example"),
    ],
)
async def test_what_the_environment_sets_wrongly_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, url: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConnectionSettingsError, match=name) as refused:
        Http(url)
    assert "\n" not in str(refused.value)


async def test_a_monitor_through_a_proxy_that_it_cannot_use_ends_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOCKS_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(ConnectionSettingsError, match="SOCKS_PROXY"):
        async with aclosing(monitor(Connection("http://makima.example"), patience=0.2)) as events:
            await anext(events)


@pytest.mark.parametrize("content", [b"current = [", b"\xff\xfe", b"contexts = 3\n[["])
def test_a_broken_contexts_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "makima" / "contexts.toml"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(ConnectionSettingsError, match=r"contexts\.toml cannot be read"):
        Connection.default(environ={"XDG_CONFIG_HOME": str(tmp_path)})


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "makima" / "contexts.toml"
    file.parent.mkdir()
    file.write_bytes(b'\xef\xbb\xbfcurrent = "x"\n[contexts.x]\nurl = "http://x"\n')
    assert Connection.default(environ={"XDG_CONFIG_HOME": str(tmp_path)}).url == "http://x"
