"""The recipes of docs/security.md for TLS: NATS, Postgres and HTTP, with a certificate that openssl makes."""

import asyncio
import contextlib
import shutil
import signal
import ssl
import subprocess
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from makima_gateway.http.server import Tls, listen, serve
from makima_kernel.nats.connection import BrokerUnreachableError, confirm_subscriptions, connect, ignore_close
from makima_kernel.service.http_settings import HttpSettings
from makima_kernel.service.postgres import open_pool
from makima_local import ports
from makima_local.nats import binary
from makima_local.server import ServerProcess
from makima_sdk.http import Http
from makima_sdk.problems import UnreachableError
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
MAKE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=makima"
    " -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout key.pem -out cert.pem"
)
SSL_REQUEST, SSL_REQUEST_BYTES = b"S", 8  # Postgres: what a server answers to the client's first message


def test_the_manual_says_the_command_that_is_tried_here() -> None:
    assert f"\n{MAKE}\n" in (Path(__file__).parents[2] / "docs" / "security.md").read_text()


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1, which is its own root."""

    folder: Path

    @property
    def tls(self) -> Tls:
        return Tls(self.folder / "cert.pem", self.folder / "key.pem")


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    subprocess.run(MAKE.split(), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    return Certificate(tmp_path)


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.tls.cert_file))


@pytest.fixture
async def broker(certificate: Certificate) -> AsyncIterator[int]:
    port = ports.free()
    config = certificate.folder / "nats.conf"
    config.write_text(
        f'listen: "127.0.0.1:{port}"\n'
        f'tls {{ cert_file: "{certificate.tls.cert_file}", key_file: "{certificate.tls.key_file}" }}\n'
        "authorization { user: contract, password: mk_secret }\n"
    )
    command = [str(binary()), "-c", str(config)]
    started = ServerProcess.start(command, log=certificate.folder / "nats.log", tied=signal.SIGKILL)
    yield port
    await started.end((signal.SIGTERM, 10.0))


@pytest.mark.usefixtures("trusted")
async def test_the_broker_is_reached_over_tls(broker: int) -> None:
    url = f"tls://contract:mk_secret@127.0.0.1:{broker}"
    connection = await connect(url, "test", on_closed=ignore_close)
    await confirm_subscriptions(connection)
    await connection.close()


async def test_a_broker_whose_certificate_is_not_trusted_is_not_spoken_to(broker: int) -> None:
    url = f"tls://contract:mk_secret@127.0.0.1:{broker}"
    with pytest.raises(BrokerUnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        await connect(url, "test", on_closed=ignore_close, timeout=1.0)


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"scheme": scope["scheme"]})(scope, receive, send)


@pytest.fixture
async def gateway(certificate: Certificate) -> AsyncIterator[str]:
    bound = listen("127.0.0.1", 0)
    serving = asyncio.create_task(
        serve(
            _answer,
            bound,
            HttpSettings(),
            on_listening=lambda: None,
            close_sockets=lambda: None,
            tls=certificate.tls,
        )
    )
    yield f"127.0.0.1:{bound.getsockname()[1]}"
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


@pytest.mark.usefixtures("trusted")
async def test_the_api_is_served_over_tls_and_not_in_the_clear(gateway: str) -> None:
    async with Http(f"https://{gateway}", "mk_secret") as http:
        assert (await http.send("GET", "/contracts")).body == {"scheme": "https"}
    async with Http(f"http://{gateway}", retry_for=0) as http:
        with pytest.raises(UnreachableError):
            await http.send("GET", "/contracts")


@pytest.mark.usefixtures("certificate")
async def test_an_api_whose_certificate_is_not_trusted_gets_no_token(gateway: str) -> None:
    async with Http(f"https://{gateway}", "mk_secret", retry_for=0) as http:
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            await http.send("GET", "/contracts")


@pytest.fixture
async def tls_database(certificate: Certificate, database: str) -> AsyncIterator[str]:
    """The tests' Postgres, which is built without TLS, behind an end of TLS that speaks its protocol."""
    parts = urlsplit(database)
    socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.tls.cert_file, certificate.tls.key_file)

    async def pump(source: StreamReader, sink: StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while part := await source.read(65_536):
                sink.write(part)
                await sink.drain()
        sink.close()

    async def serve_one(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readexactly(SSL_REQUEST_BYTES)
        writer.write(SSL_REQUEST)
        await writer.start_tls(context)
        inner_reader, inner_writer = await asyncio.open_unix_connection(socket)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    async with await asyncio.start_server(serve_one, "127.0.0.1", 0) as server:
        yield f"postgresql://postgres@127.0.0.1:{server.sockets[0].getsockname()[1]}{parts.path}?sslmode=verify-full"


async def test_postgres_is_reached_over_tls(certificate: Certificate, tls_database: str) -> None:
    pool = await open_pool(f"{tls_database}&sslrootcert={certificate.tls.cert_file}", "test")
    try:
        assert await pool.fetchval("SELECT 1") == 1
    finally:
        pool.terminate()
