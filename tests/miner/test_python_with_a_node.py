"""Document 000's job, and other Python jobs, on a real node with a real miner.

One node and one miner serve all tests of this file.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devnet.network.node import PLAIN_HTTP
from miner.runners.sandbox import find_sandbox
from tests.miner.real_miner import Site, wait_until

DOCUMENTED = json.loads(
    (Path(__file__).parents[1] / "api/documents/create-job-2024-01-01.json").read_text()
)

ENDED = {"completed", "failed", "cancelled"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a node with the miner of a devnet: confined as far as this machine allows."""
    made = Site(tmp_path_factory.mktemp("site"))
    try:
        made.start()
        with made.miner("programs", "--confinement", "limits") as miner:
            miner.wait_for("registered")
            yield made
    finally:
        made.close()


@pytest.fixture
def http(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=60, verify=PLAIN_HTTP) as client:
        yield client


def submit(http: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    response = http.post("/v1/jobs", json=body)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


def ended(http: httpx.Client, job_id: str) -> dict[str, Any]:
    """Wait for a job's end, and return the job."""
    job: dict[str, Any] = {}

    def has_ended() -> bool:
        job.update(http.get(f"/v1/jobs/{job_id}?wait=10").json())
        return job["status"] in ENDED

    wait_until(has_ended, lambda: f"the job is {job}")
    return job


def test_the_documented_job_runs_to_the_documented_result(site: Site, http: httpx.Client) -> None:
    created = submit(http, DOCUMENTED)
    assert ended(http, created["job_id"])["status"] == "completed"
    answer = http.get(f"/v1/jobs/{created['job_id']}/results").json()
    assert answer["results"].keys() == {"prediction", "confidence", "processing_time"}
    assert answer["results"]["prediction"] == "meadow"
    payment = site.settled_payment(created["job_id"])
    assert payment["status"] == "released"
    assert 0 < payment["paid"] <= 0.1


def test_it_is_quoted_as_possible_although_torch_and_a_gpu_are_missing(
    site: Site, http: httpx.Client
) -> None:
    quote = http.post("/v1/jobs/quote", json=DOCUMENTED).json()
    assert (quote["is_possible"], quote["eligible_miners"]) == (True, 1)


def test_the_miner_shows_which_programs_and_packages_it_has(site: Site, http: httpx.Client) -> None:
    python = http.get("/v1/miners/programs").json()["python"]
    assert "image-classification/model.py" in python["programs"]
    assert python["packages"] == ["numpy", "pillow"]
    assert python["confinement"] == ("sandbox" if python["sources"] else "limits")


def test_a_program_without_source_fails_and_its_money_comes_back(
    site: Site, http: httpx.Client
) -> None:
    created = submit(http, DOCUMENTED | {"name": "nobody-has-this"})
    job = ended(http, created["job_id"])
    assert job["status"] == "failed"
    assert "no source for model.py" in job["error"]
    payment = site.settled_payment(created["job_id"])
    assert (payment["status"], payment["refunded"]) == ("refunded", 0.1)


def test_packages_that_no_miner_has_are_counted_and_not_tried(
    site: Site, http: httpx.Client
) -> None:
    model = DOCUMENTED["model"] | {"requirements": ["numpy", "jax"]}
    body = DOCUMENTED | {"model": model}
    quote = http.post("/v1/jobs/quote", json=body).json()
    assert (quote["is_possible"], quote["exclusions"]) == (False, {"REQUIREMENTS_NOT_MET": 1})
    strict = http.post("/v1/jobs", json=body, headers={"Prefer": "handling=strict"})
    assert strict.json()["error_code"] == "JOB_NOT_POSSIBLE"


def test_a_clients_own_program_runs_in_a_sandbox_or_not_at_all(
    site: Site, http: httpx.Client
) -> None:
    model = {
        "type": "python",
        "entrypoint": "sum.py",
        "source": "import json, os\n"
        "numbers = json.load(open(os.environ['AITBC_REQUEST']))['input']['data']\n"
        "json.dump({'sum': sum(numbers)}, open('result.json', 'w'))\n",
    }
    body = {"name": "a sum", "type": "python", "model": model, "input": {"data": [1, 2, 39]}}
    if find_sandbox() is None:
        quote = http.post("/v1/jobs/quote", json=body).json()
        assert quote["exclusions"] == {"SOURCE_NOT_TAKEN": 1}
        return
    created = submit(http, body)
    assert ended(http, created["job_id"])["status"] == "completed"
    answer = http.get(f"/v1/jobs/{created['job_id']}/results").json()
    assert answer["results"] == {"sum": 42}


def test_an_address_that_leads_nowhere_public_fails_and_is_refunded(
    site: Site, http: httpx.Client
) -> None:
    body = DOCUMENTED | {"input": {"type": "image", "url": f"{site.url}/v1/health"}}
    created = submit(http, body)
    job = ended(http, created["job_id"])
    assert job["status"] == "failed"
    assert "not on the public internet" in job["error"]
    assert site.settled_payment(created["job_id"])["status"] == "refunded"
