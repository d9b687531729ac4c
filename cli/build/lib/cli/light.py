"""`aitbc light`: follow the chain and ask it, with proofs that are checked here; trusts no node."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from aitbc.errors import AitbcError
from aitbc.exchange import BASE_URL_VARIABLE
from aitbc.light import (
    Contradiction,
    FaultKind,
    LightAnswer,
    LightClient,
    NodeFault,
    NoProof,
    Sighting,
)
from aitbc.proofs import BalanceProof, ReceiptProof, ValidatorsProof
from cli.clients import NODE_DEFAULT
from cli.exits import CommandFailed, Exit
from cli.group import AsJson, command_group
from cli.output import show_json
from cli.proof_words import age, claim_lines, claims_of, genesis_of, utc

app = command_group(
    """Follow the chain and ask it, trusting no node: each answer is proved from the genesis.

    aitbc light --genesis genesis.json --node http://a:8011 --node http://b:8011 status

    The options stand before the command; without a command it follows. A node that lies, stalls or
    shows an older state is named on standard error, and another one is used.

    Ends with 0, or 2 for a file or value that cannot be used, 6 if no node proves what was asked,
    9 if the answer is proved but old, 10 if two proofs contradict each other: then believe neither.
    """
)


@app.callback(invoke_without_command=True)
def light(
    context: typer.Context,
    *,
    genesis: Annotated[
        str, typer.Option(metavar="FILE", help="Genesis file of the chain: all that is trusted.")
    ],
    node: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            envvar=BASE_URL_VARIABLE,
            help="Address of a node; repeat it for several.",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Small file that keeps what was verified, so that no node can show an older "
            "state, and the next run need not begin with the genesis.",
        ),
    ] = None,
    max_age: Annotated[
        float,
        typer.Option(
            min=1, metavar="SECONDS", help="Age from which on a newest block is not taken for new."
        ),
    ] = 60.0,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Limit of each question to a node.")
    ] = 10.0,
) -> None:
    """Prepare the client that the commands use."""
    with _errors():
        client = LightClient(
            genesis_of(genesis),
            node or [NODE_DEFAULT],
            state_file=state,
            max_age_s=max_age,
            timeout_s=timeout,
        )
    context.call_on_close(client.close)
    context.obj = client
    if context.invoked_subcommand is None:
        follow(context)


@app.command()
def balance(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The account, ait1….")],
    as_json: AsJson = False,
) -> None:
    """Print what an account holds, proved, with its height and age."""
    client = _client(context)
    with _errors():
        answer = client.balance(address)
    _show(client, answer, as_json=as_json)


@app.command()
def receipt(
    context: typer.Context,
    receipt_id: Annotated[str, typer.Argument(metavar="ID", help="The receipt, receipt_….")],
    as_json: AsJson = False,
) -> None:
    """Print a receipt that is proved to be in a final block."""
    client = _client(context)
    with _errors():
        answer = client.receipt(receipt_id)
    _show(client, answer, as_json=as_json)


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Ask every node for its newest block, and print what each proves."""
    client = _client(context)
    with _errors():
        seen = client.sightings()
    if as_json:
        show_json({"chain_id": client.genesis.tags.chain_id, "nodes": [*map(_seen, seen)]})
    else:
        print("\n".join(_status_lines(client, seen)))
    if not any(sighting.head for sighting in seen):
        raise typer.Exit(Exit.UNREACHABLE)
    if all(sighting.fault for sighting in seen):
        raise typer.Exit(Exit.STALE)


@app.command()
def follow(
    context: typer.Context,
    count: Annotated[
        int | None, typer.Option(min=1, help="End after this many blocks; for ever when left out.")
    ] = None,
    interval: Annotated[
        float, typer.Option(min=0.05, metavar="SECONDS", help="Time between two questions.")
    ] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Print each newest block as it is verified, until interrupted."""
    shown = 0
    with _errors():
        for event in _client(context).follow(interval_s=interval):
            if isinstance(event, NodeFault):
                _tell(event)
                continue
            block = event.proof.block
            if as_json:
                show_json(_told(event))
            else:
                print(
                    f"block {block.height}  epoch {block.epoch}  {block.block_id.hex()}  "
                    f"{utc(block.timestamp_ms)}  {len(block.signers)} of "
                    f"{len(block.validators.members)} signed  by {event.url}"
                )
            sys.stdout.flush()
            shown += 1
            if count is not None and shown >= count:
                return


def _client(context: typer.Context) -> LightClient:
    client = context.obj
    assert isinstance(client, LightClient)
    return client


@contextmanager
def _errors() -> Iterator[None]:
    """Turn errors of the light client into the end of the command."""
    try:
        yield
    except NoProof as error:
        for fault in error.faults:
            _tell(fault)
        text = f"no node proves {error.what}; {len(error.faults)} asked"
        raise CommandFailed(text, Exit.UNREACHABLE) from error
    except Contradiction as error:
        raise CommandFailed(str(error), Exit.CONTRADICTED) from error
    except AitbcError as error:
        raise CommandFailed(str(error), Exit.MALFORMED) from error
    except KeyboardInterrupt:
        raise typer.Exit(Exit.DONE) from None


def _tell(fault: NodeFault) -> None:
    """Name a node that was of no use, for a person."""
    print(f"{fault.url} {_WORDS[fault.kind]}: {fault.detail}", file=sys.stderr)


_WORDS = {
    FaultKind.UNREACHABLE: "cannot be reached",
    FaultKind.STALLS: "stalls",
    FaultKind.REFUSES: "gives no proof",
    FaultKind.LIES: "LIES",
    FaultKind.OLDER: "shows an older state",
}


def _show(
    client: LightClient,
    answer: LightAnswer[BalanceProof] | LightAnswer[ReceiptProof],
    *,
    as_json: bool,
) -> None:
    for fault in answer.faults:
        _tell(fault)
    if as_json:
        show_json(_told(answer))
    else:
        print("\n".join(claim_lines(answer.proof)))
        how_old = f"block {answer.proof.block.height} is from {age(answer.age_s)}"
        print(f"{'proved by':<16}{answer.url}, which was not trusted; {how_old}")
    if answer.rests_on_epoch is not None:
        print(_warning(answer.rests_on_epoch, answer.also_proved_by), file=sys.stderr)
    if not answer.is_fresh:
        text = (
            f"what was proved is old: block {answer.proof.block.height} is from "
            f"{age(answer.age_s)}, limit {client.max_age_s:.0f} s. The account may have moved since"
        )
        raise CommandFailed(text, Exit.STALE)


def _warning(epoch: int, others: tuple[str, ...]) -> str:
    """Return what a receipt rests on if its validators may be out of force, for a person."""
    told = f"{', '.join(others)} proves it as well" if others else "no other node has proved it"
    return (
        f"warning: this rests on the keys of the validators of epoch {epoch}, which are not known "
        f"to be in force now; whoever has come to have them could have made it. Here {told}"
    )


def _told(
    answer: LightAnswer[BalanceProof] | LightAnswer[ReceiptProof] | LightAnswer[ValidatorsProof],
) -> dict[str, object]:
    return {
        **claims_of(answer.proof),
        "proved_by": answer.url,
        "age_s": round(answer.age_s, 3),
        "is_fresh": answer.is_fresh,
        "rests_on_epoch": answer.rests_on_epoch,
        "also_proved_by": [*answer.also_proved_by],
        "faults": [_fault(fault) for fault in answer.faults],
    }


def _fault(fault: NodeFault) -> dict[str, str]:
    return {"url": fault.url, "kind": fault.kind.value, "detail": fault.detail}


def _seen(sighting: Sighting) -> dict[str, object]:
    head, fault = sighting.head, sighting.fault
    return {
        "url": sighting.url,
        "head": None
        if head is None
        else {
            "height": head.height,
            "block_id": head.block_id.hex(),
            "epoch": head.epoch,
            "timestamp_ms": head.timestamp_ms,
        },
        "fault": None if fault is None else _fault(fault),
    }


def _status_lines(client: LightClient, seen: tuple[Sighting, ...]) -> Iterator[str]:
    head = client.head
    yield f"chain      {client.genesis.tags.chain_id}"
    if head is not None:
        yield f"verified   block {head.height} of epoch {head.epoch}, {utc(head.timestamp_ms)}"
        yield f"           {head.block_id.hex()}"
    for sighting in seen:
        at, fault = sighting.head, sighting.fault
        told = "" if at is None else f"proves block {at.height}, {at.block_id.hex()[:16]}…"
        if fault is not None:
            told += f"{', ' if told else ''}{_WORDS[fault.kind]}: {fault.detail}"
        yield f"node       {sighting.url}  {told}"
