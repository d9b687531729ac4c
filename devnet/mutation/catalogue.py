"""Deliberate breakages of the rules, as data: what is replaced by what, and which rule that breaks.

Where an assertion repeats a rule at the place of the vote, the breakage removes it, too: what must
catch a breakage is the behaviour of a network, not the assertion.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement in one file."""

    path: str
    """The file, from the root of the checkout."""
    original: str
    """Text that occurs in it exactly once."""
    replacement: str
    """What takes its place."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A breakage."""

    name: str
    """What goes wrong, in words joined by hyphens."""
    rule: str
    """The rule that it breaks."""
    edits: tuple[Edit, ...]
    """What makes it."""


def _core(original: str, replacement: str = "") -> Edit:
    return Edit("consensus/core.py", original, replacement)


def _progress(original: str, replacement: str = "") -> Edit:
    return Edit("consensus/progress.py", original, replacement)


def _committee(original: str, replacement: str) -> Edit:
    return Edit("consensus/committee.py", original, replacement)


_NO_STANDSTILL: Final = Edit(
    "consensus/repeater.py",
    "        if self._state.now_ms >= self._resend_ms:\n",
    "        if self._state.now_ms < 0:\n",
)
_NO_VOTE_AFTER_NULLIFY: Final = _progress(
    '        assert VoteKind.NULLIFY not in at.own, "nothing is voted after nullify (rules 4, 8)"\n'
)
_NO_NULLIFY_AFTER_FINALIZE: Final = _progress(
    '            assert VoteKind.FINALIZE not in at.own, "no nullify after finalize (rule 8)"\n'
)
_FINALIZE_WHAT_IS_CERTIFIED: Final = _progress(
    '            assert at.certified, "finalize only what was certified (rule 5)"\n',
    "            pass\n",
)
_FINALIZE_AT_ONCE: Final = _progress(
    "                self.note_activity(at)\n",
    "                self.note_activity(at)\n                self.finalize_if_allowed(at)\n",
)

MUTATIONS: Final = (
    Mutation(
        "quorum-off-by-one",
        "q = n - f",
        (
            _committee(
                "    return size - faulty_max(size)\n", "    return size - faulty_max(size) - 1\n"
            ),
        ),
    ),
    Mutation(
        "quorum-of-2f-plus-1",
        "q = n - f for every n",
        (
            _committee(
                "    return size - faulty_max(size)\n", "    return 2 * faulty_max(size) + 1\n"
            ),
        ),
    ),
    Mutation(
        "faulty-rounded-up",
        "f = floor((n - 1) / 3)",
        (_committee("    return (size - 1) // 3\n", "    return size // 3\n"),),
    ),
    Mutation(
        "count-a-member-twice",
        "a certificate is votes of distinct members",
        (
            Edit(
                "consensus/intake.py",
                "        if earlier.statement == vote.statement:\n            return False\n",
                "        if earlier.statement == vote.statement:\n            return True\n",
            ),
            Edit(
                "consensus/votes.py",
                "        if vote.signer in self._votes:\n            return False\n",
                "",
            ),
        ),
    ),
    Mutation(
        "own-votes-forgotten-at-restart",
        "own votes are remembered (rules 4, 8)",
        (
            Edit(
                "consensus/replay.py",
                "        at.own[vote.statement.kind] = vote\n",
                "        pass\n",
            ),
            Edit(
                "consensus/replay.py",
                '    assert voted <= state.view, "an own vote is for a view that nothing in the '
                'journal enters"\n',
                "",
            ),
        ),
    ),
    Mutation(
        "notarize-after-nullify",
        "rule 4: never after own nullify",
        (
            _core(
                "event.view == state.view and not at.own and not at.equivocated\n",
                "event.view == state.view and VoteKind.NOTARIZE not in at.own "
                "and not at.equivocated\n",
            ),
            _core(
                "        if proposal is None or at.own or at.equivocated or at.refused:\n",
                "        if proposal is None or VoteKind.NOTARIZE in at.own or at.equivocated:\n",
            ),
            _NO_VOTE_AFTER_NULLIFY,
        ),
    ),
    Mutation(
        "support-a-leader-that-equivocates",
        "rule 4: never after seeing the leader equivocate",
        (
            _core(
                "event.view == state.view and not at.own and not at.equivocated\n",
                "event.view == state.view and not at.own\n",
            ),
            _core(
                "        if proposal is None or at.own or at.equivocated or at.refused:\n",
                "        if proposal is None or at.own or at.refused:\n",
            ),
        ),
    ),
    Mutation(
        "finalize-after-nullify",
        "rules 5 and 8: never finalize after nullify",
        (
            _progress(
                "        if VoteKind.NULLIFY not in said and VoteKind.FINALIZE not in said:\n",
                "        if VoteKind.FINALIZE not in said:\n",
            ),
            _NO_VOTE_AFTER_NULLIFY,
        ),
    ),
    Mutation(
        "finalize-before-certification",
        "rule 5: certify, then finalize",
        (_FINALIZE_AT_ONCE, _FINALIZE_WHAT_IS_CERTIFIED),
    ),
    Mutation(
        "nullify-after-finalize",
        "rules 6 and 8: never nullify after finalize",
        (
            _FINALIZE_AT_ONCE,
            _FINALIZE_WHAT_IS_CERTIFIED,
            _NO_NULLIFY_AFTER_FINALIZE,
            _core(
                "        if not state.may_sign or not at.own.keys().isdisjoint(\n"
                "            {VoteKind.NULLIFY, VoteKind.FINALIZE}\n"
                "        ):\n",
                "        if not state.may_sign or VoteKind.NULLIFY in at.own:\n",
            ),
        ),
    ),
    Mutation(
        "accept-a-missing-nullification",
        "rule 3: every skipped view is nullified",
        (
            _core(
                "        if parent is None or self._blocking() or not "
                "at.verification.is_ready(state.now_ms):\n",
                "        if parent is None or not at.verification.is_ready(state.now_ms):\n",
            ),
        ),
    ),
    Mutation(
        "certify-another-block",
        "rule 5: certify the block that was notarized",
        (
            _progress(
                "        if at.executed == at.notarized.block_id:\n",
                "        if at.executed is not None:\n",
            ),
        ),
    ),
    Mutation(
        "own-votes-not-persisted",
        "own votes are durable before they are sent",
        (
            _progress(
                "        state.outbox.record(VoteSeen(vote))\n        if isinstance(statement, "
                "Notarize) and state.is_leading:\n",
                "        if isinstance(statement, Notarize) and state.is_leading:\n",
            ),
        ),
    ),
    Mutation(
        "persist-after-sending",
        "nothing leaves before its records are durable",
        (
            Edit(
                "consensus/outbox.py",
                "batch = [Persist(tuple(self._blocks), tuple(self._records)), *batch]\n",
                "batch = [*batch, Persist(tuple(self._blocks), tuple(self._records))]\n",
            ),
        ),
    ),
    Mutation(
        "blocks-not-kept",
        "a block is durable before a vote vouches for it",
        (
            _progress(
                "            self._state.outbox.keep_block(BlockRef(at.view, block_id))\n",
                "            pass\n",
            ),
        ),
    ),
    Mutation(
        "late-finalizes-ignored",
        "rule 7: finalize votes count after the view was left",
        (
            _core(
                "        self._progress.count(statement.view, statement.kind)\n",
                "        if statement.view >= state.view:\n"
                "            self._progress.count(statement.view, statement.kind)\n",
            ),
        ),
    ),
    Mutation(
        "finality-not-committed",
        "rule 7: the block and its ancestors are final",
        (_progress("        state.outbox.emit(Commit(certificate))\n"),),
    ),
    Mutation(
        "one-leader-for-all-views",
        "leaders rotate",
        (
            _committee(
                "        return (view - 1 + self._shift) % self.size\n",
                "        return self._shift % self.size\n",
            ),
        ),
    ),
    Mutation(
        "no-timeout",
        "rule 6: t_l and t_a",
        (
            _core(
                "        if not is_lost and state.now_ms < state.deadline_ms(at):\n",
                "        if not is_lost:\n",
            ),
        ),
    ),
    Mutation(
        "nothing-is-said-again",
        "rules 6 and 10: repeated every t_r and every t_s",
        (
            Edit(
                "consensus/repeater.py",
                "        if state.now_ms < self._nullify_again_ms:\n            return False\n",
                "        if state.now_ms >= 0:\n            return False\n",
            ),
            _NO_STANDSTILL,
        ),
    ),
    Mutation("no-standstill", "rule 10: all above the floor is sent again", (_NO_STANDSTILL,)),
    Mutation(
        "nothing-is-asked-for",
        "rules 2, 3 and catch-up: fetch what is missing",
        (
            Edit(
                "consensus/repeater.py",
                "        missing = self._missing(blocking)\n",
                "        missing: list[View] = []\n",
            ),
        ),
    ),
    Mutation(
        "nullification-ends-certification",
        "rule 5: a nullification does not cancel certification",
        (
            _core(
                "if at.notarized and at.certified is None:\n",
                "if at.notarized and at.certified is None and not at.is_nullified:\n",
            ),
            _progress(
                "        if at is None or at.notarized is None or at.certified is not None:\n",
                "        if at is None or at.notarized is None or at.certified is not None or "
                "at.is_nullified:\n",
            ),
        ),
    ),
    Mutation(
        "blocks-beyond-the-last-of-an-epoch",
        "nothing is built beyond an epoch's last block",
        (
            _core(
                "        if tip.block_id in state.closers:\n",
                "        if tip.block_id in ():\n",
            ),
            _core(
                "        if parent.block_id not in state.closers:\n",
                "        if parent.block_id is not None:\n",
            ),
        ),
    ),
    Mutation(
        "legal-votes-are-evidence",
        "rule 8: notarize and then nullify is never evidence",
        (
            Edit(
                "ledger/statements.py",
                "    if kinds == {VoteKind.NULLIFY, VoteKind.FINALIZE}:\n",
                "    if VoteKind.NULLIFY in kinds:\n",
            ),
        ),
    ),
    Mutation(
        "contradictions-not-reported",
        "rule 9: evidence",
        (
            Edit(
                "consensus/intake.py",
                "                state.outbox.emit(ReportEvidence(evidence))\n",
                "                pass\n",
            ),
        ),
    ),
    Mutation(
        "nullification-does-not-lead-on",
        "rule 1: enter v + 1 on nullification(v)",
        (
            _progress(
                "                if view >= state.view:\n"
                "                    self._enter(view + 1, certificate)  # rule 1\n",
                "                pass\n",
            ),
        ),
    ),
)
"""All breakages; names are unique."""
