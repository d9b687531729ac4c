"""Bech32m texts against the published vectors of BIP-350, keys against misuse."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import bech32m
from ledger.errors import AddressInvalid, KeyInvalid
from ledger.keys import KeyPair, format_address, parse_address
from tests.vectors.bech32_text import BECH32M, bech32_text, remainder, to_words

ADDRESSES = st.binary(min_size=20, max_size=20)

BIP350_VALID = [
    "A1LQFN3A",
    "a1lqfn3a",
    "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
    "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
    "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
    "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
    "?1v759aa",
]
BIP350_INVALID = [
    "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
    "y1b0jsk6g",
    "lt1igcx5c0",
    "in1muywd",
    "mm1crxm3i",
    "au1s5cgom",
    "M1VUXWEZ",
]
BIP350_INVALID_PREFIX = [
    "\x201xj0phk",
    "\x7f1g6xzxy",
    "\x801vctc34",
    "qyrz8wqd2c9m",
    "1qyrz8wqd2c9m",
    "16plkw9",
    "1p2gdwpf",
]


@pytest.mark.parametrize("text", BIP350_VALID)
def test_texts_that_bip_350_calls_valid_have_a_right_checksum(text: str) -> None:
    prefix, _, tail = text.lower().rpartition("1")
    words = [bech32m.CHARSET.index(char) for char in tail]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    assert remainder(expanded + words) == BECH32M
    spare = len(words[:-6]) * 5 % 8
    if spare < 5 and words[:-6][-1:] != [31]:
        assert bech32m.encode(prefix, bech32m.decode(prefix, text)) == text.lower()
    else:
        with pytest.raises(AddressInvalid, match="padding"):
            bech32m.decode(prefix, text)  # words that are no whole number of bytes


@pytest.mark.parametrize("text", BIP350_INVALID)
def test_texts_that_bip_350_calls_invalid_are_refused(text: str) -> None:
    with pytest.raises(AddressInvalid):
        bech32m.decode(text.lower().rpartition("1")[0], text)


@pytest.mark.parametrize("text", BIP350_INVALID_PREFIX)
def test_texts_whose_prefix_bip_350_refuses_are_no_addresses(text: str) -> None:
    with pytest.raises(AddressInvalid, match="begin with ait1"):
        parse_address(text)


@given(ADDRESSES)
def test_an_address_survives_its_text_form(address: bytes) -> None:
    text = format_address(address)
    assert text == bech32_text("ait", to_words(address))
    assert parse_address(text) == parse_address(text.upper()) == address


@given(ADDRESSES, st.data())
def test_up_to_four_mistyped_characters_are_always_noticed(
    address: bytes, data: st.DataObject
) -> None:
    text = format_address(address)
    places = data.draw(st.sets(st.integers(4, len(text) - 1), min_size=1, max_size=4))
    wrong = list(text)
    for place in places:
        others = bech32m.CHARSET.replace(text[place], "")
        wrong[place] = data.draw(st.sampled_from(others))
    with pytest.raises(AddressInvalid):
        parse_address("".join(wrong))


@given(st.text(max_size=100))
def test_any_other_text_is_refused_with_a_typed_error(text: str) -> None:
    with pytest.raises(AddressInvalid):
        parse_address(text)


def test_an_address_of_mixed_case_is_refused() -> None:
    text = format_address(bytes(20))
    with pytest.raises(AddressInvalid, match="mixed"):
        parse_address(text[:3].upper() + text[3:])


@pytest.mark.parametrize(
    ("letter", "lookalike"), [("K", "\u212a"), ("S", "\u017f"), ("I", "\u0130")]
)
def test_an_address_has_no_second_text_in_letters_that_fold_to_its_own(
    letter: str, lookalike: str
) -> None:
    # Python lowers the Kelvin sign to k: a text that reads right and that no search finds.
    texts = (format_address(bytes([number] * 20)).upper() for number in range(256))
    text = next(text for text in texts if letter in text)
    assert parse_address(text)
    with pytest.raises(AddressInvalid):
        parse_address(text.replace(letter, lookalike))


def test_a_key_pair_shows_its_address_and_never_its_secret() -> None:
    seed = bytes(range(32))
    pair = KeyPair(seed)
    assert repr(pair) == str(pair) == f"KeyPair({format_address(pair.address)})"
    assert seed.hex() not in repr(pair)
    assert pair.seed() == seed


def test_a_key_pair_does_not_travel_by_accident() -> None:
    pair = KeyPair(bytes(32))
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copied(pair)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(KeyInvalid):
        KeyPair(bytes(size))
