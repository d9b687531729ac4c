"""Which nodes a local network has, where they listen, and when a dead one is started again."""

import signal
import socket

import pytest

from devnet.network.configuration import direct_wiring
from devnet.network.errors import PortInUse
from devnet.network.plan import Shape, plan_nodes
from devnet.network.ports import FreePorts, require_free
from devnet.network.revival import FAILURES_MAX, RESTART_AFTER_S, STEADY_AFTER_S, Revival

KILLED = -signal.SIGKILL


def test_validators_come_first_and_coordinators_are_the_first_of_them() -> None:
    plans = plan_nodes(Shape(4, 2, 2), (8011, 8001))
    assert [plan.name for plan in plans] == [
        "node-1",
        "node-2",
        "node-3",
        "node-4",
        "follower-1",
        "follower-2",
    ]
    assert [plan.key for plan in plans][3:5] == ["validator-4", None]
    assert [plan.coordinator for plan in plans][:3] == ["coordinator-1", "coordinator-2", None]
    assert plans[0].http_ports == (8011, 8001)


def test_no_two_nodes_share_a_port() -> None:
    plans = plan_nodes(Shape(16, 16, 1), (8011, 8001))
    ports = [port for plan in plans for port in (*plan.http_ports, plan.p2p_port)]
    assert len(set(ports)) == len(ports)


def test_a_preferred_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = FreePorts().take(port)
        assert found != port
        require_free((found,))
        with pytest.raises(PortInUse, match=str(port)):
            require_free((port,))


def test_nodes_dial_all_validators_but_themselves_and_nobody_dials_followers() -> None:
    plans = plan_nodes(Shape(3, 1, 1), (8011,))
    validators = {f"127.0.0.1:{plan.p2p_port}" for plan in plans[:3]}
    for plan in plans:
        own = f"127.0.0.1:{plan.p2p_port}"
        wiring = direct_wiring(plan, plans)
        assert set(wiring.peers) == validators - {own}
        assert wiring.advertise == (own if plan.key else None)


def test_a_node_that_somebody_kills_is_started_again_every_time() -> None:
    revival, now_s = Revival(), 0.0
    for _ in range(3 * FAILURES_MAX):
        assert not revival.ended(now_s, KILLED)
        assert not revival.is_due(now_s + RESTART_AFTER_S / 2)
        now_s += RESTART_AFTER_S
        assert revival.is_due(now_s)
        revival.restarted()
        revival.back(now_s)


def test_a_node_that_fails_again_and_again_stays_down() -> None:
    revival = Revival()
    ends = []
    for _ in range(FAILURES_MAX):
        ends.append(revival.ended(0.0, 70))
        revival.restarted()
    assert ends == [False] * (FAILURES_MAX - 1) + [True]


def test_failures_that_are_far_apart_are_not_added_up() -> None:
    revival, now_s = Revival(), 0.0
    for _ in range(2 * FAILURES_MAX):
        assert not revival.ended(now_s, 70)
        revival.restarted()
        revival.back(now_s)
        now_s += STEADY_AFTER_S
