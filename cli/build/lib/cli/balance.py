"""`aitbc balance`: what the caller may spend."""

from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.group import AsJson, command_group
from cli.output import show

app = command_group("Show what you may spend, and what is reserved.")


@app.command()
def balance(
    node: NodeUrl = NODE_DEFAULT, api_key_file: ApiKeyFile = None, as_json: AsJson = False
) -> None:
    """Show what you may spend, and what is reserved for jobs, in AITBC.

    aitbc balance --json
    """
    with node_client(node, api_key_file) as client:
        show(client.me.balance(), as_json=as_json)
