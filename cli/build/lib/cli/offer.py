"""`aitbc offer`: what miners offer, and accepting it."""

from typing import Annotated

import typer

from cli.amounts import parse_aitbc
from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.group import AsJson, command_group
from cli.output import show, show_table

app = command_group("See, make and accept offers of miners.")

OfferId = Annotated[str, typer.Argument(metavar="OFFER", help="Id of the offer, offer_…")]
Price = Annotated[str, typer.Option(metavar="AITBC", help="Price of each job.")]
MaxPrice = Annotated[
    str | None, typer.Option(metavar="AITBC", help="Most to pay.", show_default="no limit")
]


@app.command("list")
def list_offers(
    *,
    job_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only this kind of job.")
    ] = None,
    max_price: MaxPrice = None,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """List offers that can be accepted now, the cheapest first.

    aitbc offer list --type llm_inference --max-price 0.01
    """
    if max_price is not None:
        parse_aitbc(max_price, "--max-price")
    with node_client(node, api_key_file) as client:
        offers = list(client.offers.iterate(job_type=job_type, max_price=max_price))
    columns = ("offer_id", "miner_id", "job_type", "price", "reputation")
    show_table(offers, columns, as_json=as_json, none="no offers")


@app.command("show")
def show_offer(
    offer: OfferId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show all about an offer, open or over."""
    with node_client(node, api_key_file) as client:
        show(client.offers.get(offer), as_json=as_json)


@app.command()
def create(
    *,
    job_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="Kind of job, such as a service.")
    ],
    price: Price,
    max_jobs: Annotated[int, typer.Option(min=1, max=1_000_000, help="Jobs that it takes.")] = 1,
    duration: Annotated[
        int, typer.Option(metavar="SECONDS", min=1, help="How long it is open.")
    ] = 3_600,
    miner: Annotated[
        str | None, typer.Option(metavar="NAME", help="The miner, if your key has several.")
    ] = None,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Offer, as your miner, to do jobs at a price.

    aitbc offer create llm_inference --price 0.001 --max-jobs 10
    """
    parse_aitbc(price, "--price")
    with node_client(node, api_key_file) as client:
        made = client.offers.create(
            job_type, price, max_jobs=max_jobs, duration=duration, miner_id=miner
        )
    show(made, as_json=as_json)


@app.command()
def accept(
    *,
    offer: OfferId,
    job: Annotated[str, typer.Argument(metavar="JOB", help="Your queued job, job_…")],
    max_price: MaxPrice = None,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Bind a job to the offer's miner at the offer's price; order it with --hold before.

    aitbc offer accept offer_… job_… --max-price 0.001
    """
    if max_price is not None:
        parse_aitbc(max_price, "--max-price")
    with node_client(node, api_key_file) as client:
        show(client.offers.accept(offer, job, bid_price=max_price), as_json=as_json)


@app.command()
def withdraw(
    offer: OfferId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw an offer of your miner; what was accepted stays with it."""
    with node_client(node, api_key_file) as client:
        show(client.offers.withdraw(offer), as_json=as_json)
