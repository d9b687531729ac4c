"""The page of validators, over a chain whose certificates are real: who signed, who is missing."""

import asyncio
from collections.abc import Iterator

import pytest

from explorer_web.blocks import Slice, block_page
from explorer_web.grids import Grid, Mark
from explorer_web.page import Page
from explorer_web.participation import signers_of
from ledger.block import Block
from ledger.certificates import Certificate, CertificateEntry
from ledger.codec import encode
from ledger.keys import format_address
from ledger.records import Validator, ValidatorSet
from ledger.statements import Finalize, signed_bytes
from ledger.transition import BlockResult
from tests.databases import Files
from tests.explorer.chains import IndexedChain, NodeOfTests, stand_at_head
from tests.explorer.serving import Served, serve
from tests.ledger.councils import COUNCIL, KEYS, Council
from tests.store.indexes import open_indexed

ABSENT = 3
"""Place of the validator whose vote is missing in every certificate but one."""


def certificate_of(
    result: BlockResult, members: tuple[Validator, ...], absent: int | None
) -> bytes:
    """Return a finalization of a block, signed by its set but for one member."""
    view, header = result.view, result.view.header
    statement = Finalize(header.epoch, header.view, header.parent_view, view.block_id)
    message = signed_bytes(view.tags, statement)
    entries = tuple(
        CertificateEntry(place, KEYS[member.public_key].sign(message))
        for place, member in enumerate(members)
        if place != absent
    )
    return encode(Certificate(statement, entries))


@pytest.fixture(scope="module")
def council(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A site over a chain of four validators, with a ballot that passed and one that is open."""
    world = Council()
    world.decide(world.joining(5))
    world.open(world.joining(6), 0)
    for _ in range(8):
        world.block(after_ms=500)
    with open_indexed(Files(tmp_path_factory.mktemp("council"))) as indexed:
        chain = IndexedChain(world, indexed, NodeOfTests(world), {}, {}, bytes(32), 0)
        store_all(chain)
        with serve(chain) as served:
            yield served


def store_all(chain: IndexedChain) -> None:
    world, store = chain.world, chain.indexed.store
    start = Council().final
    members = start.validators.members
    records = {key: encode(record) for key, record in start.state.items()}
    store.initialise(start.tags, Block(start.header, ()), records)
    for number, (block, result) in enumerate(zip(world.blocks, world.results, strict=True)):
        certificate = b""
        if number != 1:
            certificate = certificate_of(result, members, None if number == 2 else ABSENT)
        store.commit(result.view.block_id, block, certificate, result.outcomes, result.delta)
    chain.indexed.catch_up()
    stand_at_head(chain)


def test_participation_and_misses_are_what_the_certificates_say(council: Served) -> None:
    twin = council.get("/validators.json").json()
    names = [member.name for member in council.chain.world.final.validators.members]
    assert [row["name"] for row in twin["validators"]] == names
    blocks = len(council.chain.world.blocks)
    assert twin["counted_blocks"] == blocks
    told = {row["name"]: row for row in twin["validators"]}
    missing = told[names[ABSENT]]
    assert missing["misses"] == blocks - 2
    assert missing["participation"] == 10_000 // (blocks - 1)
    assert missing["missed_heights"].startswith(f"{blocks}, {blocks - 1}")
    others = [row for row in twin["validators"] if row is not missing]
    assert all((row["misses"], row["participation"]) == (0, 10_000) for row in others)


def test_the_grid_says_each_cell_in_words_too(council: Served) -> None:
    html = council.get("/validators").text
    blocks = len(council.chain.world.blocks)
    assert html.count('<td class="cell cell-no">') == blocks - 2
    assert html.count('<td class="cell cell-none">') == 4
    assert '✕<span class="unseen"> not in the certificate</span>' in html
    assert "may have signed a moment later" in html


def test_a_block_names_who_signed_it(council: Served) -> None:
    told = council.get("/blocks/3.json").json()["signers"]
    assert told == [0, 1, 2, 3]
    assert council.get("/blocks/4.json").json()["signers"] == [0, 1, 2]
    assert council.get("/blocks/2.json").json()["signers"] is None
    html = council.get("/blocks/4").text
    assert html.count('<td class="cell cell-yes">') == 3
    assert html.count('<td class="cell cell-no">') == 1
    assert "a later block's certificate covers it" in council.get("/blocks/2").text


def test_the_first_sentence_says_how_many_sign_and_the_strip_how_many_are_there(
    council: Served,
) -> None:
    council.chain.node.online = 2
    html = council.get("/").text
    assert "3 of 4 validators signing." in html
    assert "2 of 4 validators online</span>" in html
    told = council.get("/index.json").json()["chain"]
    assert (told["validators"], told["validators_online"], told["validators_signing"]) == (4, 2, 3)


def test_a_block_says_who_missed_of_the_set_that_agreed_on_it(council: Served) -> None:
    chain = council.chain
    view = chain.world.final
    members = Council().final.validators
    standing = asyncio.run(chain.node.standing())

    def page(known: ValidatorSet | None) -> Page:
        return block_page(chain.indexed.reader, standing, "4", Slice(), lambda _: known)

    grid, twin = page(members).content["signers"], page(members).twin
    assert isinstance(grid, Grid)
    assert isinstance(twin, dict)
    names = [member.name for member in members.members]
    assert [head.text for head in grid.heads] == names == twin["members"]
    assert [mark is Mark.NO for mark in grid.rows[0].marks] == [n == ABSENT for n in range(4)]
    proposer = next(
        m for m in members.members if m.public_key == chain.world.blocks[3].header.proposer
    )
    assert twin["proposer_name"] == proposer.name
    # Of a set that the node does not know nobody is said to be missing.
    nameless = page(None)
    assert "who is missing cannot be said" in str(nameless.content["signers_note"])
    grid = nameless.content["signers"]
    assert isinstance(grid, Grid)
    assert [head.text for head in grid.heads] == ["member 0", "member 1", "member 2"]
    assert view.header.height == len(chain.world.blocks)


def test_ballots_and_what_they_changed_are_listed(council: Served) -> None:
    ballots = council.get("/validators/ballots.json").json()["ballots"]
    assert [row["status"] for row in ballots] == ["open", "passed"]
    assert "to make validator-6 a validator" in ballots[0]["words"]
    assert ballots[0]["opener"] == format_address(COUNCIL[0].address)
    opened = council.get("/validators/ballots.json?status=open").json()["ballots"]
    assert opened == ballots[:1]
    assert council.get("/validators/ballots?status=lost").status_code == 404
    html = council.get("/validators").text
    assert "to make validator-5 a validator" in html


def test_a_ballot_says_who_voted_how_and_what_it_takes(council: Served) -> None:
    is_open, passed = council.get("/validators/ballots.json").json()["ballots"]
    twin = council.get(f"/validators/ballots/{passed['ballot_id']}.json").json()
    assert (twin["yes"], twin["no"], twin["voters"], twin["quorum"]) == (3, 0, 4, 3)
    voted = [(row["kind"], row["parties"][0]["address"]) for row in twin["outcomes"][:3]]
    kinds = ["ballot_opened", "ballot_voted", "ballot_voted"]
    assert voted == [
        (kind, format_address(member.address)) for kind, member in zip(kinds, COUNCIL, strict=False)
    ]
    assert [row["kind"] for row in twin["outcomes"][3:]] == ["ballot_passed"]
    assert (twin["status"], twin["closed_height"]) == ("passed", passed["closed_height"])
    html = council.get(f"/validators/ballots/{is_open['ballot_id']}").text
    assert "still open" in html
    assert f'href="/transactions/{is_open["ballot_id"]}"' in html
    assert html.count("/v1/proofs/outcome/") == 1
    found = council.get(f"/search?q=/validators/ballots/{passed['ballot_id']}")
    assert found.headers["location"] == f"/validators/ballots/{passed['ballot_id']}"
    for wrong in ("zz", "ab" * 32):
        assert council.get(f"/validators/ballots/{wrong}").status_code == 404


@pytest.mark.parametrize("certificate", [b"", b"\x93", bytes(100), b"\xc1" * 8])
def test_what_is_no_certificate_has_no_signers(certificate: bytes) -> None:
    assert signers_of(certificate) is None
