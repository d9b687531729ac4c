"""Everything that can happen in a scenario: one type for each step of a scenario's file.

`devnet.torture.steps` carries them out.
"""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from node.failpoints import Failpoint

Target: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,32}\Z")]
"""Which nodes: a node's name, ``all``, ``random`` (a validator that runs), ``leader`` (of the view
that the network is in), ``follower`` (the first one), or what an earlier step's `name` says."""

Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=600)]
"""A duration; as a limit it is generous, since machines are slow at times."""


class _Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    """Base of all steps."""


class Progress(_Step, frozen=True, tag="progress"):
    """Wait until clients were told of further final transactions."""

    transactions: Annotated[int, Meta(ge=1)] = 20
    """How many."""
    within_s: Seconds = 60
    """Limit; beyond it the network has lost its liveness."""


class Standstill(_Step, frozen=True, tag="standstill"):
    """Check that no validator finds a further block final, because no quorum can talk."""

    for_s: Seconds = 3
    """How long."""


class Epochs(_Step, frozen=True, tag="epochs"):
    """Wait until the chain has moved into a later epoch."""

    count: Annotated[int, Meta(ge=1, le=10)] = 1
    """How many epochs later."""
    within_s: Seconds = 120
    """Limit."""


class Kill(_Step, frozen=True, tag="kill"):
    """Kill nodes with SIGKILL."""

    target: Target
    """Which."""
    name: Target | None = None
    """What later steps call them."""


class Stop(_Step, frozen=True, tag="stop"):
    """Stop nodes in order, with SIGTERM."""

    target: Target
    """Which."""
    name: Target | None = None
    """What later steps call them."""


class Start(_Step, frozen=True, tag="start"):
    """Start nodes that are down, and wait until they have the blocks of the others."""

    target: Target
    """Which."""
    within_s: Seconds = 120
    """Limit for catching up."""


class Restart(_Step, frozen=True, tag="restart"):
    """End nodes, whatever state they are in, start them, and wait until they have caught up."""

    target: Target
    """Which."""
    within_s: Seconds = 120
    """Limit for catching up."""


class FailAt(_Step, frozen=True, tag="fail_at"):
    """End nodes, start them, and wait until they have died by themselves at a named place."""

    target: Target
    """Which."""
    place: Failpoint
    """Where, see `node.failpoints`."""
    visit: Annotated[int, Meta(ge=1)] = 1
    """At which visit."""
    within_s: Seconds = 120
    """Limit for the death."""


class Twin(_Step, frozen=True, tag="twin"):
    """Make the mistake that is not forgiven: copy a node with its key, and run both."""

    target: Target
    """Which."""


class Pause(_Step, frozen=True, tag="pause"):
    """Stop the processes of nodes where they are, with SIGSTOP."""

    target: Target
    """Which."""
    name: Target | None = None
    """What later steps call them."""


class Resume(_Step, frozen=True, tag="resume"):
    """Let paused nodes go on, and wait until they have the blocks of the others."""

    target: Target
    """Which."""
    within_s: Seconds = 120
    """Limit for catching up."""


class Wipe(_Step, frozen=True, tag="wipe"):
    """Delete all that nodes have written, journal included; they must be down."""

    target: Target
    """Which."""


class Roll(_Step, frozen=True, tag="roll"):
    """Restart all nodes in order, one after the other, each when the one before is back."""

    transactions: Annotated[int, Meta(ge=1)] = 5
    """Final transactions that clients must be told of between two restarts."""


class Part(_Step, frozen=True, tag="part"):
    """Let nothing through between groups of nodes; who is in no group is alone."""

    groups: Annotated[tuple[tuple[Target, ...], ...], Meta(min_length=1)]
    """Names of nodes."""


class Isolate(_Step, frozen=True, tag="isolate"):
    """Let nothing through between a node and all others."""

    target: Target
    """Which."""
    name: Target | None = None
    """What later steps call it."""


class Deafen(_Step, frozen=True, tag="deafen"):
    """Let nothing reach a node, while it is heard by all others."""

    target: Target
    """Which."""
    name: Target | None = None
    """What later steps call it."""


class Mute(_Step, frozen=True, tag="mute"):
    """Let nothing that a node sends get through, while it hears all others."""

    target: Target
    """Which."""
    name: Target | None = None
    """What later steps call it."""


class Cut(_Step, frozen=True, tag="cut"):
    """Let nothing through from one node to another; the other direction stays."""

    source: Target
    """From which node."""
    target: Target
    """To which."""


class Tear(_Step, frozen=True, tag="tear"):
    """Close all connections of nodes at once."""

    target: Target
    """Which."""


class Slow(_Step, frozen=True, tag="slow"):
    """Slow the wires of nodes."""

    target: Target
    """Which."""
    delay_ms: Annotated[int, Meta(ge=0, le=10_000)] = 0
    """Time one way."""
    kib_per_s: Annotated[int, Meta(ge=1)] | None = None
    """What fits through each connection in a second."""


class Heal(_Step, frozen=True, tag="heal"):
    """Open all wires at full speed, and wait until all nodes have the same blocks."""

    within_s: Seconds = 120
    """Limit for catching up."""


class VoteIn(_Step, frozen=True, tag="vote_in"):
    """Let the authorities make a candidate a validator, with the commands that they have for it."""

    target: Target
    """Which candidate."""
    within_s: Seconds = 120
    """Limit for the next epoch, in which it is one."""


class VoteOut(_Step, frozen=True, tag="vote_out"):
    """Let the authorities take a validator out of the set, with the commands that they have."""

    target: Target
    """Which."""
    within_s: Seconds = 120
    """Limit for the next epoch, in which it is none."""


class Removed(_Step, frozen=True, tag="removed"):
    """Wait until a validator is out of the set without anybody's vote: for what it has signed."""

    target: Target
    """Which."""
    within_s: Seconds = 120
    """Limit for evidence and the end of the epoch."""


class SlowDisk(_Step, frozen=True, tag="slow_disk"):
    """Make every sync and commit of nodes take longer."""

    target: Target
    """Which."""
    delay_ms: Annotated[int, Meta(ge=0, le=10_000)]
    """By how much; 0 ends it."""


class FillDisk(_Step, frozen=True, tag="fill_disk"):
    """Leave nodes no room for a further byte of data."""

    target: Target
    """Which."""
    name: Target | None = None
    """What later steps call them."""


class FreeDisk(_Step, frozen=True, tag="free_disk"):
    """Give nodes room again."""

    target: Target
    """Which."""


class Clock(_Step, frozen=True, tag="clock"):
    """Let the wall clock of nodes jump."""

    target: Target
    """Which."""
    offset_ms: Annotated[int, Meta(ge=-86_400_000, le=86_400_000)]
    """How far from the machine's."""


class Tamper(_Step, frozen=True, tag="tamper"):
    """Alter the database of a node that runs; its pages must render and its proofs must fail."""

    target: Target
    """Which node."""
    within_s: Seconds = 60
    """Limit for a block that can be altered."""


class Prove(_Step, frozen=True, tag="prove"):
    """Check that nodes prove what steps before have lied about as it was sent."""

    target: Target
    """Which."""


Step: TypeAlias = (
    Progress | Standstill | Epochs | Kill | Stop | Start | Restart | Pause | Resume | Wipe | Roll
    | Part | Isolate | Deafen | Mute | Cut | Tear | Slow | Heal | SlowDisk | FillDisk | FreeDisk
    | Clock | FailAt | Twin | VoteIn | VoteOut | Removed | Tamper | Prove
)  # fmt: skip
"""Everything that can happen."""
