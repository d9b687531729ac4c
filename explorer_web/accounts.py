"""The page of an account: its balance with the height at which it holds, and what concerned it."""

from explorer_web.checks import account_checks
from explorer_web.facts import Fact, Json, Kind, Section, Source, facts_json
from explorer_web.formats import grouped, money, short
from explorer_web.lists import activity_listing, jobs_listing, receipts_listing
from explorer_web.page import Crumb, Page
from explorer_web.ports import AccountStanding
from explorer_web.proved import account_proof
from explorer_web.references import PageKind, page_url
from explorer_web.sentences import Sentence, account, plain
from ledger.keys import format_address
from ledger.store import IndexReader, MinerRow
from ledger.types import Address

ROWS_SHOWN = 10
"""Rows of each list on the page."""


def account_page(index: IndexReader, address: Address, standing: AccountStanding) -> Page:
    """Return the page of an account; every well-formed address has one.

    Args:
        index: where its activity is.
        address: the account.
        standing: its balance in the final state.
    """
    text = format_address(address)
    miner = index.miner(address)
    activity = activity_listing(index, address)
    jobs = jobs_listing(index, {"client": text})
    receipts = receipts_listing(index, {"miner": text})
    recent, asked, done = (each.read("", ROWS_SHOWN) for each in (activity, jobs, receipts))
    sections = (Section("Balance", _balance(address, standing, miner)),)
    sentence = _sentence(address, standing, is_seen=bool(recent.rows))
    title = f"Account {short(text.removeprefix('ait1'))}"
    url = page_url(PageKind.ACCOUNT, address)
    lists: dict[str, Json] = {
        "activity": activity.json_rows(recent.rows),
        "jobs_as_client": jobs.json_rows(asked.rows),
        "receipts_as_miner": receipts.json_rows(done.rows),
    }
    return Page(
        template="account.html",
        title=title,
        crumbs=(Crumb("Accounts"), Crumb(title)),
        content={
            "proof": account_proof(address, standing),
            "sentence": sentence,
            "sections": sections,
            "miner_url": page_url(PageKind.MINER, address) if miner else "",
            "activity": (activity, recent),
            "jobs": (jobs, asked),
            "receipts": (receipts, done),
            "is_miner": miner is not None or bool(done.rows),
            "checks": account_checks(text),
        },
        twin={**facts_json(sections), "sentence": plain(sentence), **lists},
        twin_url=url + ".json",
        moves=True,
    )


def _sentence(address: Address, standing: AccountStanding, *, is_seen: bool) -> Sentence:
    height = grouped(standing.height)
    if not is_seen and not standing.balance:
        unseen = " holds nothing, and this index knows of no block that touched it. "
        return (
            account(address),
            unseen,
            "The address is well formed; whose it is, a chain cannot say.",
        )
    return account(address), f" holds {money(standing.balance)} after block {height}."


def _balance(address: Address, standing: AccountStanding, miner: MinerRow | None) -> list[Fact]:
    state = Source.STATE
    facts = [
        Fact("address", "Address", Kind.ADDRESS, address, Source.INDEX, "Bech32m with a checksum."),
        Fact("balance", "Balance", Kind.MONEY, standing.balance, state, "What it can spend."),
        Fact("balance_height", "After block", Kind.HEIGHT, standing.height, state),
    ]
    if miner is not None:
        bond = None if miner.retired else miner.bond
        facts += [
            Fact("miner_name", "Miner's name", Kind.TEXT, miner.name, Source.SIGNED),
            Fact("bond", "Locked as bond", Kind.MONEY, bond, Source.INDEX, missing="returned"),
        ]
    return facts
