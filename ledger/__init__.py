"""The pure, deterministic state machine: what a block of transactions does to the state.

This is the surface for other packages. The formats have modules of their own, which are public
too: `types`, `params`, `actions`, `motions`, `statements`, `transaction`, `records`, `outcomes`,
`block`, `keys`, `hashing`, `codec`; so are `errors` with `rejections`, `job_rejections`,
`offer_rejections`, `governance_rejections` and `block_errors`.
"""

from ledger.accounts import balance_of
from ledger.admission import (
    check_applies,
    check_can_pay,
    check_transaction_sanity,
    check_transaction_time,
    check_transaction_unseen,
    decode_transaction,
)
from ledger.authorities import (
    coming_protocol_version,
    pending_of,
    quorum_of,
    unknown_protocol_version,
)
from ledger.ballots import find_ballot, open_ballots, supporters
from ledger.fees import (
    fee_free_slot,
    is_fee_free,
    least_fee,
    spend_of,
    with_least_fee,
)
from ledger.gap import credited
from ledger.issue import supply_of
from ledger.job_terms import check_receipt
from ledger.jobs import find_job
from ledger.miners import RESERVED_NAME_PREFIXES, find_miner, name_key
from ledger.open_offers import find_offer, offers_of
from ledger.proposal import BlockContext, BuiltBlock, block_time, build_block, build_in_steps
from ledger.state import FinalState, Overlay, State, StateDelta
from ledger.transition import (
    BlockResult,
    IsVerified,
    apply_block,
    apply_in_steps,
    check_block_context,
    check_block_sanity,
    is_quiet,
)
from ledger.views import (
    ChainView,
    StateRootMismatch,
    genesis_view,
    make_final,
    parameters_of,
    restored_view,
    validator_set_hash,
    validators_of,
)

__all__ = [
    "RESERVED_NAME_PREFIXES",
    "BlockContext",
    "BlockResult",
    "BuiltBlock",
    "ChainView",
    "FinalState",
    "IsVerified",
    "Overlay",
    "State",
    "StateDelta",
    "StateRootMismatch",
    "apply_block",
    "apply_in_steps",
    "balance_of",
    "block_time",
    "build_block",
    "build_in_steps",
    "check_applies",
    "check_block_context",
    "check_block_sanity",
    "check_can_pay",
    "check_receipt",
    "check_transaction_sanity",
    "check_transaction_time",
    "check_transaction_unseen",
    "coming_protocol_version",
    "credited",
    "decode_transaction",
    "fee_free_slot",
    "find_ballot",
    "find_job",
    "find_miner",
    "find_offer",
    "genesis_view",
    "is_fee_free",
    "is_quiet",
    "least_fee",
    "make_final",
    "name_key",
    "offers_of",
    "open_ballots",
    "parameters_of",
    "pending_of",
    "quorum_of",
    "restored_view",
    "spend_of",
    "supply_of",
    "supporters",
    "unknown_protocol_version",
    "validator_set_hash",
    "validators_of",
    "with_least_fee",
]
