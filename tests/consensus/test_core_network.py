"""Networks of real cores under faults: agreement always, progress once the faults are over."""

import pytest

from consensus import ReportEvidence, ReportFault, StopSigning
from tests.consensus.byzantine import Liar
from tests.consensus.small_network import Network, Weather

STORM_MS = 3_000
HEALING_MS = 60_000
LOSSY = Weather(loss=0.2, delay_ms=(1, 400), duplication=0.1)
SLOW = Weather(delay_ms=(20, 150))
CRASHING = Weather(loss=0.05, delay_ms=(1, 100), crash=0.003)


def storm(size: int, seed: int, weather: Weather) -> Network:
    network = Network(size, seed, weather)
    network.start()
    network.run_until(STORM_MS)
    return network


def assert_progress_after_healing(network: Network, blocks: int = 3) -> None:
    network.heal()
    goal = max(network.judge.final, default=0) + blocks
    network.run_until(network.now + HEALING_MS, lambda: network.final_height() >= goal)
    assert network.final_height() >= goal, "no progress after healing"
    assert not any(node.reported(StopSigning) for node in network.honest())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7])
def test_a_calm_network_finalizes_a_block_in_each_view(size: int) -> None:
    network = Network(size, seed=1)
    network.start()
    network.run_until(1_000)
    assert network.final_height() >= 10
    assert not any("Nullify" in kinds for kinds in network.judge.certified.values())


@pytest.mark.parametrize("seed", range(60))
def test_loss_delay_and_duplication_break_neither_agreement_nor_progress(seed: int) -> None:
    network = storm(4, seed, LOSSY)
    assert_progress_after_healing(network)
    assert not any(
        node.reported(ReportFault) or node.reported(ReportEvidence) for node in network.nodes
    )


@pytest.mark.parametrize("seed", range(60))
def test_crashes_that_lose_what_was_not_synced_break_nothing(seed: int) -> None:
    network = storm(4, seed, CRASHING)
    assert_progress_after_healing(network)
    assert not any(
        node.reported(ReportFault) or node.reported(ReportEvidence) for node in network.nodes
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_lone_validator_survives_crashes(seed: int) -> None:
    network = storm(1, seed, Weather(crash=0.01))
    assert_progress_after_healing(network)


@pytest.mark.parametrize("seed", range(40))
def test_partitions_stop_progress_at_most_until_they_end(seed: int) -> None:
    network = Network(4, seed, Weather(delay_ms=(1, 50)))
    network.start()
    for at in range(0, STORM_MS, 700):
        network.run_until(at)
        side = {n for n in range(4) if network.random.random() < 0.5}
        network.cut = {
            frozenset((a, b)) for a in range(4) for b in range(a) if (a in side) != (b in side)
        }
    assert_progress_after_healing(network)


@pytest.mark.parametrize("seed", range(60))
def test_a_member_that_contradicts_itself_splits_nobody(seed: int) -> None:
    network = Network(4, seed, LOSSY if seed % 2 else SLOW)
    liar = Liar(network, seed % 4)
    network.start()
    network.run_until(STORM_MS)
    assert_progress_after_healing(network)
    reporters = {node.number for node in network.honest() if node.reported(ReportEvidence)}
    assert reporters, "nobody noticed"
    accused = {
        e.evidence.first.signer for node in network.honest() for e in node.reported(ReportEvidence)
    }
    assert accused == {liar.number}
    for node in network.honest():
        for report in node.reported(ReportEvidence):
            assert network.committee.check_evidence(report.evidence)


@pytest.mark.parametrize("seed", range(30))
def test_an_epoch_ends_for_everybody_with_one_last_block(seed: int) -> None:
    weather = (LOSSY, CRASHING, SLOW)[seed % 3]
    network = Network(4, seed, weather)
    network.last_height = 5
    if weather is SLOW:
        Liar(network, seed % 4)
    network.start()
    network.run_until(STORM_MS)
    network.heal()
    network.run_until(network.now + HEALING_MS, lambda: network.final_height() == 5)
    assert network.final_height() == 5
    network.run_until(network.now + 5_000)
    assert max(network.judge.final) == 5


@pytest.mark.parametrize("dead", range(4))
def test_a_dead_member_costs_its_views_only(dead: int) -> None:
    network = Network(4, dead)
    network.byzantine.add(dead)
    network.start()
    network.run_until(3_000)
    assert network.final_height() >= 15
    assert_progress_after_healing(network)
