"""`aitbc verify`: check a proof bundle on this machine."""

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from aitbc import (
    ApiError,
    CheckedProof,
    Client,
    ConnectionFailed,
    InvalidValue,
    RetryPolicy,
    check_proof,
)
from aitbc.exchange import Request, ask_bytes
from aitbc.proofs import DOCUMENT_BYTES_MAX
from cli.asked import STEP as ASKED
from cli.asked import Asked
from cli.exits import CommandFailed, Exit
from cli.group import AsJson, command_group
from cli.output import show_json
from cli.proof_words import claim_lines, claims_of, pinned_chain, step_lines

app = command_group("Check a proof bundle.")

UNPINNED_TEXT = """\
All steps hold, but you named no chain. What is proved is only that whoever made this bundle has a
chain with this genesis digest:
  {digest}
Anybody can make one, with validators of their own. Compare all 64 digits with a source that you
trust (the genesis file, somebody who runs a validator, print), then name them:
  aitbc verify {bundle} --genesis-digest {digest}"""


@app.command()
def verify(
    bundle: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-|URL",
            help="The bundle: a file, - for standard input, or the address of a node's proof.",
        ),
    ],
    genesis: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Genesis file of the chain that you trust."),
    ] = None,
    genesis_digest: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="Genesis digest of the chain that you trust."),
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(
            metavar="KIND/REF",
            help="What it has to prove: receipt/ID, transaction/ID, outcome/HEIGHT/INDEX, "
            "account/ADDRESS, validators or validators/EPOCH.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a proof bundle on this machine, and print each step and what is proved.

    aitbc verify receipt.json --genesis genesis.json --expect receipt/receipt_3f6a…

    aitbc verify http://localhost:8011/v1/proofs/account/ait1… --genesis-digest 3f6a…

    A bundle from the URL of a node's proof has to prove what the URL names, one from a file what
    --expect names.

    Ends with 0 if it is verified, 1 if it is refuted or proves another thing, 2 if it is no bundle
    or an option is wrong, 3 if all steps hold but no chain was named, 6 if the URL gives none.
    """
    trusted = pinned_chain(genesis, genesis_digest)
    wanted = [Asked.by_url(bundle) if _is_url(bundle) else None]
    wanted.append(None if expect is None else Asked.by_name(expect))
    checked = check_proof(_read(bundle), genesis=trusted)
    for asked in filter(None, wanted):
        checked = asked.check(checked)
    code, verdict = _verdict(checked)
    if as_json:
        show_json(_json(checked, verdict))
    else:
        print("\n".join(_lines(checked, verdict, bundle)))
    raise typer.Exit(code)


def _verdict(checked: CheckedProof) -> tuple[Exit, str]:
    """Return how the command ends, and one word for it."""
    failed = checked.failed
    if failed is None:
        return (Exit.DONE, "verified") if checked.is_pinned else (Exit.UNPINNED, "unpinned")
    if failed.name == "document":
        return Exit.MALFORMED, "malformed"
    return Exit.REFUSED, "refuted"


def _json(checked: CheckedProof, verdict: str) -> dict[str, object]:
    steps = [
        {"name": step.name, "ok": step.ok, "code": step.code, "detail": step.detail}
        for step in checked.steps
    ]
    return {
        "verdict": verdict,
        "kind": checked.kind,
        "pinned": checked.is_pinned,
        "steps": steps,
        "claims": None if checked.claims is None else claims_of(checked.claims),
    }


def _lines(checked: CheckedProof, verdict: str, bundle: str) -> list[str]:
    lines = [*step_lines(checked), ""]
    claims, failed = checked.claims, checked.failed
    if claims is None:
        assert failed is not None
        if verdict == "malformed":
            return [*lines, "malformed: this is no proof bundle that can be read here"]
        if failed.name == ASKED:
            return [*lines, "refuted: what this bundle proves is not what you asked for"]
        reason = f"refuted at the step {failed.name}: this bundle proves nothing"
        return [*lines, reason]
    lines += claim_lines(claims)
    lines.append("")
    if verdict == "unpinned":
        digest = claims.block.genesis_digest.hex()
        return [*lines, UNPINNED_TEXT.format(digest=digest, bundle=bundle)]
    return [*lines, "verified: final on the chain that you named"]


def _read(bundle: str) -> bytes:
    """Return the bytes of a bundle, one more at most than is looked at.

    Raises:
        CommandFailed: they cannot be read.
    """
    if bundle == "-":
        return sys.stdin.buffer.read(DOCUMENT_BYTES_MAX + 1)
    if _is_url(bundle):
        return _fetch(bundle)
    try:
        with Path(bundle).open("rb") as file:
            return file.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        text = f"{bundle} cannot be read: {error.strerror}"
        raise CommandFailed(text, Exit.MALFORMED) from None


def _is_url(bundle: str) -> bool:
    return bundle.startswith(("http://", "https://"))


def _fetch(url: str) -> bytes:
    if not url.isprintable():
        raise CommandFailed(f"{url!a}: an address has no such characters", Exit.MALFORMED)
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        with Client(f"{parts.scheme}://{parts.netloc}", retry=RetryPolicy(attempts=1)) as client:
            return client.http.run(ask_bytes(client.http.session, Request("GET", target or "/")))
    except InvalidValue as error:
        raise CommandFailed(f"{url}: {error}", Exit.MALFORMED) from None
    except (ApiError, ConnectionFailed) as error:
        raise CommandFailed(f"no bundle from {url}: {error}", Exit.UNREACHABLE) from None
