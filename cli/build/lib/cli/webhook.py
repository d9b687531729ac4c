"""`aitbc webhook`: where a node tells what happened to jobs."""

from typing import Annotated

import typer

from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.exits import CommandFailed
from cli.group import AsJson, command_group
from cli.output import show, show_json, show_table

app = command_group("Be told what happens to your jobs.")

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Id of the webhook.")]
Events = Annotated[
    list[str] | None,
    typer.Option("--event", metavar="EVENT", help="Such as job.completed; repeat it for several."),
]


@app.command()
def create(
    *,
    url: Annotated[str, typer.Argument(metavar="URL", help="https, a public host.")],
    event: Events = None,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Register a webhook; prints its secret, which is shown this once.

    aitbc webhook create https://your-app.com/webhook --event job.completed --event job.failed
    """
    with node_client(node, api_key_file) as client:
        made = client.webhooks.create(url, event or ("job.completed", "job.failed"))
    show(made, as_json=as_json)


@app.command("list")
def list_webhooks(
    node: NodeUrl = NODE_DEFAULT, api_key_file: ApiKeyFile = None, as_json: AsJson = False
) -> None:
    """List your webhooks, newest first."""
    with node_client(node, api_key_file) as client:
        found = client.webhooks.list()
    show_table(found, ("id", "status", "url", "events"), as_json=as_json, none="no webhooks")


@app.command("show")
def show_webhook(
    webhook: WebhookId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a webhook."""
    with node_client(node, api_key_file) as client:
        show(client.webhooks.get(webhook), as_json=as_json)


@app.command()
def change(
    *,
    webhook: WebhookId,
    url: Annotated[str | None, typer.Option(metavar="URL", help="New address.")] = None,
    event: Events = None,
    enable: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether messages are sent.")
    ] = None,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Change a webhook: its address, its events, or whether messages are sent.

    aitbc webhook change WEBHOOK --disable
    """
    if url is None and not event and enable is None:
        raise CommandFailed("nothing to change: give --url, --event, --enable or --disable")
    status = None if enable is None else ("active" if enable else "disabled")
    with node_client(node, api_key_file) as client:
        changed = client.webhooks.change(webhook, url=url, events=event or None, status=status)
    show(changed, as_json=as_json)


@app.command()
def delete(
    webhook: WebhookId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Delete a webhook with its messages."""
    with node_client(node, api_key_file) as client:
        client.webhooks.delete(webhook)
    if as_json:
        show_json({"id": webhook, "deleted": True})
    else:
        print(f"deleted {webhook}")


@app.command("test")
def send_test(
    webhook: WebhookId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Have a test message sent; see `aitbc webhook deliveries` for what became of it."""
    with node_client(node, api_key_file) as client:
        show(client.webhooks.test(webhook), as_json=as_json)


@app.command()
def deliveries(
    *,
    webhook: WebhookId,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most messages.")] = 20,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """List a webhook's messages, newest first, and what became of them."""
    with node_client(node, api_key_file) as client:
        found = client.webhooks.deliveries(webhook, limit=limit)["deliveries"]
    columns = ("id", "type", "status", "job_id", "created_at", "next_attempt_at")
    show_table(found, columns, as_json=as_json, none="no messages")


@app.command()
def redeliver(
    *,
    webhook: WebhookId,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="Id of the message.")],
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Have a message sent again."""
    with node_client(node, api_key_file) as client:
        show(client.webhooks.redeliver(webhook, message), as_json=as_json)
