"""`makima ledger new-epoch`: gives the log a new epoch after a restore.

After a restore the same positions may hold other events than before. The new epoch makes every consumer and
monitor client start again.
"""

import click
from makima_kernel.relay.stream_identity import new_epoch as renew
from makima_kernel.service.settings import Settings, load

from makima_cli.format_option import with_format
from makima_cli.ledger.servers import Servers, run
from makima_cli.session import echo_json


@click.command("new-epoch")
@click.option("--context", metavar="NAME", help="Name of the connection in contexts.toml to use.")
@with_format("text", "json")
def new_epoch(*, context: str | None, output: str) -> None:
    """Start a new epoch of the log, after the database was restored from a backup.

    Recreates the broker's stream and fills it from the log. Every consumer and monitor client is reset.
    """
    epoch = run(context, _renew, as_json=output == "json")
    if output == "json":
        echo_json({"epoch": epoch})
    else:
        click.echo(f"the log's epoch is now {epoch}")


async def _renew(servers: Servers) -> str:
    settings = load(Settings)
    return str(
        await renew(
            servers.pool, servers.nats, budget=settings.stream_budget, replicas=settings.stream_replicas
        )
    )
