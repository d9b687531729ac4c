"""Options that commands about jobs share, each stated once."""

from typing import Annotated, Final

import typer

EXPIRY_MARGIN_S: Final = 30.0
"""Time for the block that expires a job: the receipt's grace beyond the deadline, and some more."""

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job, job_…")]

Seconds = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.0, max=86_400.0, help="Then give up.")
]

Prompt = Annotated[str | None, typer.Argument(help="Prompt for a language model.")]

Model = Annotated[str | None, typer.Option(help="Model that shall answer.")]

Service = Annotated[str, typer.Option(help="Service to order.")]

Fields = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Input of the service; repeat it for several."),
]

Parameters = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Parameter such as max_tokens=64."),
]

MaxPrice = Annotated[
    str | None,
    typer.Option(metavar="AITBC", help="Most to pay.", show_default="the service's own"),
]

TimeToLive = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, max=86_400, help="Refunded if not done then.")
]

Strict = Annotated[bool, typer.Option("--strict", help="Refuse what no registered miner could do.")]
