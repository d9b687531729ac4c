"""Parameters stay inside what the code was made for (S5, S7, J11, J23)."""

import pytest
from msgspec.structs import replace

from ledger.actions import ACTION_NAMES
from ledger.params import (
    ACTION_WEIGHT_US,
    BLOCK_TRANSACTIONS_MAX,
    DUE_ITEM_WEIGHT_US,
    DUE_WEIGHT_DIVISOR,
    PARAMETER_BOUNDS,
    SIGNATURE_WEIGHT_US,
    TIMESTAMP_DRIFT_MS,
    Parameters,
    parameter_faults,
)
from ledger.types import SUPPLY_MAX

WINDOWS = (
    "horizon_ms",
    "ttl_max_ms",
    "auto_settle_ms",
    "dispute_max_ms",
    "resolve_ms",
    "unbond_ms",
    "epoch_ms",
)


def test_the_defaults_have_no_faults_and_every_parameter_has_bounds() -> None:
    assert parameter_faults(Parameters()) == []
    assert set(PARAMETER_BOUNDS) == set(Parameters.__struct_fields__)


@pytest.mark.parametrize("name", Parameters.__struct_fields__)
def test_a_value_outside_its_bounds_is_named(name: str) -> None:
    for value in (PARAMETER_BOUNDS[name][0] - 1, PARAMETER_BOUNDS[name][1] + 1):
        faults = parameter_faults(replace(Parameters(), **{name: value}))
        assert any(fault.startswith(f"{name}: {value}") for fault in faults)


@pytest.mark.parametrize("name", WINDOWS)
def test_s5_every_window_is_at_least_ten_times_the_drift(name: str) -> None:
    assert PARAMETER_BOUNDS[name][0] >= 10 * TIMESTAMP_DRIFT_MS


def test_j23_unbonding_outlasts_a_dispute() -> None:
    assert parameter_faults(Parameters(dispute_max_ms=10_000, resolve_ms=10_000, unbond_ms=19_999))
    assert not parameter_faults(
        Parameters(dispute_max_ms=10_000, resolve_ms=10_000, unbond_ms=20_000)
    )


def test_s7_a_blocks_weight_is_at_most_a_quarter_of_the_time_to_certify_it() -> None:
    assert not parameter_faults(Parameters(delta_ms=100, block_weight_max=75_000))
    (fault,) = parameter_faults(Parameters(delta_ms=100, block_weight_max=75_001))
    assert fault.startswith("block_weight_max")


def test_s7_every_action_has_a_weight_and_fits_the_lightest_block() -> None:
    lightest = PARAMETER_BOUNDS["block_weight_max"][0]
    assert set(ACTION_WEIGHT_US) == set(ACTION_NAMES)
    assert max(ACTION_WEIGHT_US.values()) + SIGNATURE_WEIGHT_US <= lightest // 2
    assert lightest // DUE_WEIGHT_DIVISOR >= DUE_ITEM_WEIGHT_US


def test_the_bounds_agree_with_the_limits_of_the_formats() -> None:
    assert PARAMETER_BOUNDS["block_transactions_max"][1] == BLOCK_TRANSACTIONS_MAX
    assert PARAMETER_BOUNDS["miner_bond_min"][1] == SUPPLY_MAX
