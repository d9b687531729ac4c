"""`aitbc statement`: what came and went in a period."""

import sys
from typing import Annotated

import typer

from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.group import AsJson, command_group
from cli.output import show_json, show_table

app = command_group("Show what came and went in a period.")

_COLUMNS = ("at", "kind", "credit", "debit", "fee", "balance", "job_id")


@app.command()
def statement(
    *,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Begin, such as 2026-01-01T00:00:00Z."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="End, which is not in it.")
    ] = None,
    miner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what this miner earned and paid.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet.")] = False,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what came and went on your accounts, each line with what proves it.

    aitbc statement --from 2026-01-01T00:00:00Z --csv > january.csv
    """
    with node_client(node, api_key_file) as client:
        if csv:
            for piece in client.statements.csv(begin=begin, end=end, miner_id=miner):
                sys.stdout.write(piece)
            return
        first = client.statements.get(begin=begin, end=end, miner_id=miner, limit=1)
        period = (str(first["period_start"]), str(first["period_end"]))
        lines = list(client.statements.lines(begin=period[0], end=period[1], miner_id=miner))
    if as_json:
        show_json(first | {"lines": lines, "next_cursor": None})
        return
    print(f"{period[0]} to {period[1]}, in AITBC")
    show_table(lines, _COLUMNS, as_json=False, none="nothing came or went")
    print(f"opening {first['opening_balance']}, closing {first['closing_balance']}")
