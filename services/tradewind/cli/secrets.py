"""`tradewind rotate-fernet-key`."""

import typer

from tradewind.service.lifecycle import run_service


def rotate_fernet_key() -> None:
    """Encrypt all variables, connections and webhooks' secrets in the database of TRADEWIND__DATABASE__URL anew, with
    the first of the keys in TRADEWIND__CORE__FERNET_KEY (separated by commas; the others are tried for reading)."""
    from tradewind.db.pool import open_pool
    from tradewind.db.secret_rotation import rotate_secrets
    from tradewind.db.secrets import SecretBox
    from tradewind.service.secrets import fernet_key
    from tradewind.service.settings import ServiceSettings, load_settings, required_database_url

    async def run() -> None:
        settings = load_settings(ServiceSettings)
        async with open_pool(required_database_url(settings), 1) as database:
            done = await rotate_secrets(database, SecretBox(fernet_key(settings)))
        counts = f"{done.variables} variables, {done.connections} connections and {done.webhooks} webhooks"
        typer.echo(f"Encrypted {counts} with the first key.")

    run_service(run())
