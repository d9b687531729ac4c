"""Which miner a Python job is offered to: packages, library, own programs, GPUs (S4)."""

from typing import Any

import pytest

from coordinator.errors import InvalidRequest
from coordinator.leases.matching import Exclusion, Needs, exclusion_of
from coordinator.miners import MinerRegistration
from coordinator.miners.capabilities import Capabilities, document_of, read_document
from coordinator.registry import ServiceRegistry

REGISTRY = ServiceRegistry()

CLASSIFIER = "image-classification/model.py"

LIBRARY = {
    "packages": ["numpy", "Pillow"],
    "programs": {CLASSIFIER: {"does_without": ["torch"], "uses_gpu": False}},
    "sources": False,
}


def declared(python: dict[str, Any] | None) -> Capabilities:
    registration = MinerRegistration(name="m", capabilities=("python",), python=python)
    return read_document(document_of(registration), REGISTRY)


def exclusion(python: dict[str, Any] | None, **needs: Any) -> Exclusion | None:
    wanted = Needs(**{"service": "python", "model": "", "max_price": 10**9, **needs})
    return exclusion_of(wanted, declared(python), has_model=False)


def test_the_documented_program_fits_a_miner_that_has_it() -> None:
    needs = {"program": CLASSIFIER, "requirements": ("numpy", "torch"), "gpu_count": 1}
    assert exclusion(LIBRARY, **needs) is None


def test_packages_are_compared_as_indexes_compare_their_names() -> None:
    assert exclusion(LIBRARY, program=CLASSIFIER, requirements=("NumPy", "pillow")) is None


def test_a_package_that_is_not_installed_keeps_the_job_away() -> None:
    needs = {"program": CLASSIFIER, "requirements": ("numpy", "pandas")}
    assert exclusion(LIBRARY, **needs) is Exclusion.REQUIREMENTS_NOT_MET


def test_what_one_program_does_without_is_needed_by_the_clients_own() -> None:
    sources = LIBRARY | {"sources": True}
    assert exclusion(sources, requirements=("numpy",)) is None
    assert exclusion(sources, requirements=("torch",)) is Exclusion.REQUIREMENTS_NOT_MET


def test_a_miner_of_a_library_is_offered_no_program_of_a_client() -> None:
    assert exclusion(LIBRARY) is Exclusion.SOURCE_NOT_TAKEN


def test_a_clients_own_program_gets_the_gpu_that_it_asks_for_or_nothing() -> None:
    assert exclusion(LIBRARY | {"sources": True}, gpu_count=1) is Exclusion.GPU_MISSING


@pytest.mark.parametrize(
    ("gpu_info", "count"),
    [(None, 0), ({}, 0), ({"name": "RTX 4090"}, 1), ({"name": "A100", "count": 8}, 8)],
)
def test_a_miner_has_the_gpus_that_it_describes(gpu_info: Any, count: int) -> None:
    registration = MinerRegistration(name="m", capabilities=("llm_inference",), gpu_info=gpu_info)
    miner = read_document(document_of(registration), REGISTRY)

    def fits(gpus: int) -> bool:
        needs = Needs(service="llm_inference", model="", max_price=1, gpu_count=gpus)
        return exclusion_of(needs, miner, has_model=True) is None

    assert fits(count)
    assert not fits(count + 1)


def test_an_unknown_program_is_offered_so_that_the_miner_says_that_it_has_no_source() -> None:
    needs = {"program": "no-such/model.py", "requirements": ("torch",), "gpu_count": 1}
    assert exclusion(LIBRARY, **needs) is None


def test_a_miner_that_does_not_say_is_offered_every_program() -> None:
    assert exclusion(None, requirements=("torch",)) is None
    assert exclusion({"packages": []}, requirements=("torch",)) is Exclusion.SOURCE_NOT_TAKEN


def test_the_document_of_a_miner_without_programs_is_what_it_always_was() -> None:
    registration = MinerRegistration(name="m", capabilities=("python",))
    assert document_of(registration) == (
        '{"aliases":{},"capabilities":["python"],"gpu_info":null,"price":null}'
    )


@pytest.mark.parametrize(
    ("python", "pointer"),
    [
        ({"packages": ["a b"]}, "/python/packages"),
        ({"packages": ["x"] * 65}, "/python/packages"),
        ({"packages": [], "programs": {"model.py": {}}}, "/python/programs"),
        ({"packages": [], "programs": {"a/b/m.py": {}}}, "/python/programs"),
        (
            {"packages": [], "programs": {"a/m.py": {"does_without": ["/"]}}},
            "/python/programs/a/m.py/does_without",
        ),
    ],
)
def test_names_that_are_none_are_refused(python: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        declared(python)
    assert caught.value.faults[0].pointer == pointer
