"""The demo with all databases in a PostgreSQL server."""

import httpx
import psycopg
import pytest

from tests.databases import folder_for_a_server
from tests.devnet.running import free_ports, run, started

pytestmark = pytest.mark.timeout(300)

OPTIONS = ("--validators", "1", "--store", "postgresql")


def test_the_demo_runs_on_a_server_and_a_node_that_lost_its_session_comes_back(
    postgres: str,
) -> None:
    with folder_for_a_server() as folder:
        directory, ports = folder / "net", free_ports(1)
        with started(directory, ports, *OPTIONS) as devnet:
            assert devnet.text.count("  payment  ") == 2
            assert list(directory.rglob("*.db")) == []
            job = f"{devnet.url}/v1/jobs/{devnet.demo_job_id()}"
            done = httpx.get(job).json()
            assert done["state"] == "COMPLETED"

            end_sessions(str(directory / "postgresql"), "node_1")
            devnet.wait_for_line("node-1 ended with exit code", 60)
            devnet.wait_for_line("node-1 is back", 60)
            again = httpx.get(job).json()
            assert {**again, "as_of_height": 0} == {**done, "as_of_height": 0}
        log = (directory / "logs" / "node-1.log").read_text()
        assert "connection lost" in log
        other = run(directory, ports, "--store", "sqlite", "--demo")
        assert other.returncode == 3
        assert "this chain is kept in postgresql" in other.stdout


def end_sessions(sockets: str, database: str) -> None:
    """End the session that writes a node's chain, as an administrator would."""
    with psycopg.connect(host=sockets, user="aitbc", dbname="postgres") as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name LIKE 'aitbc chain %%'",
            [database],
        ).fetchall()
    assert ended
