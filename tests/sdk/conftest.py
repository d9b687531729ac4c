"""What the tests of the SDK share."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from aitbc.proofs import read_genesis_bytes
from tests.sdk.light_world import World
from tests.vectors.proof_chain import Story, tell


@pytest.fixture(scope="session")
def story() -> Story:
    """A chain of three epochs with two receipts; nobody changes it."""
    return tell()


@pytest.fixture
def world(story: Story) -> Iterator[World]:
    """Nodes and light clients, closed at the end."""
    heights = [story.first_receipt, story.second_receipt]
    named = {
        f"receipt_{story.chain.id_of(story.chain.blocks[at].body[-1]).hex()}": at for at in heights
    }
    with ExitStack() as stack:
        yield World(story, read_genesis_bytes(story.chain.specification), named, stack)
