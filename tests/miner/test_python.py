"""Python programs: the library's sample on real pictures, and what a program may leave behind."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from aitbc import canonical_json
from miner.runners.library import installed_packages, load_library
from miner.runners.python import PythonRunner
from miner.runners.sandbox import Job, Level, LimitsOnly
from miner.work import BadInput, NoSource, Output, RunnerFailed, WorkCancelled
from tests.miner.bench_work import Bench

DOCUMENTED = {
    "name": "image-classification",
    "entrypoint": "model.py",
    "requirements": ["numpy", "torch"],
    "input": {"type": "image", "format": "jpeg"},
    "output": {"type": "json"},
}

SUNSET = [(115, 71, 107), (237, 128, 64), (51, 31, 36)]
"""Colours of the thirds of a picture."""


class TrustingLimits(LimitsOnly):
    """Limits alone that take programs of clients; for programs that these tests wrote."""

    level = Level.SANDBOX


def paint(path: Path, colours: list[tuple[int, int, int]]) -> Path:
    picture = Image.new("RGB", (48, 48))
    for third, colour in enumerate(colours):
        picture.paste(colour, (0, 16 * third, 48, 16 * (third + 1)))
    picture.save(path)
    return path


def run(bench: Bench, source: str, **settings: Any) -> Output:
    runner = PythonRunner(TrustingLimits(), **settings)
    return runner.run(bench.work("python", {"entrypoint": "main.py", "source": source}))


def refusal(bench: Bench, source: str, **settings: Any) -> str:
    with pytest.raises(BadInput) as caught:
        run(bench, source, **settings)
    return str(caught.value)


# ------------------------------------------------------------------ the library


def test_the_documented_job_is_answered_with_the_documented_members(bench: Bench) -> None:
    output = PythonRunner(LimitsOnly()).run(bench.work("python", DOCUMENTED))
    assert isinstance(output.json, dict)
    assert output.json.keys() == {"prediction", "confidence", "processing_time"}
    assert output.json["prediction"] == "meadow"
    assert 0.5 < output.json["confidence"] <= 1
    assert output.unit_type == "compute_seconds"
    assert output.units_micro > 0


def test_it_is_said_what_the_sample_is_and_does_without(bench: Bench) -> None:
    metadata = PythonRunner(LimitsOnly()).run(bench.work("python", DOCUMENTED)).metadata
    assert "no neural network" in metadata["about"]
    assert metadata["requirements_not_used"] == ["torch"]
    assert metadata["confinement"].startswith("process limits only")


@pytest.mark.parametrize("way", ["data", "artifact"])
def test_a_picture_of_the_client_is_classified(bench: Bench, tmp_path: Path, way: str) -> None:
    picture = paint(tmp_path / "sunset.png", SUNSET)
    value = {
        "data": "base64:" + base64.b64encode(picture.read_bytes()).decode(),
        "artifact": bench.artifacts.put(picture),
    }[way]
    request = DOCUMENTED | {"input": {"type": "image", way: value}}
    output = PythonRunner(LimitsOnly()).run(bench.work("python", request))
    assert isinstance(output.json, dict)
    assert output.json["prediction"] == "sunset"


def test_a_file_that_is_no_picture_is_bad_input(bench: Bench) -> None:
    request = DOCUMENTED | {"input": {"data": "base64:" + base64.b64encode(b"text").decode()}}
    with pytest.raises(BadInput, match="UnidentifiedImageError"):
        PythonRunner(LimitsOnly()).run(bench.work("python", request))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x.jpg", "http://[::1]/x.jpg", "http://169.254.169.254/latest"]
)
def test_an_address_inside_the_miners_network_is_not_fetched(bench: Bench, url: str) -> None:
    request = DOCUMENTED | {"input": {"url": url}}
    with pytest.raises(BadInput, match="not on the public internet"):
        PythonRunner(LimitsOnly()).run(bench.work("python", request))


def test_a_program_that_nobody_has_is_told_as_the_resolutions_say(bench: Bench) -> None:
    with pytest.raises(NoSource) as caught:
        PythonRunner(LimitsOnly()).run(bench.work("python", DOCUMENTED | {"name": "unknown"}))
    assert str(caught.value) == "no source for model.py"


def test_a_package_that_is_not_installed_is_this_machines_fault(bench: Bench) -> None:
    request = DOCUMENTED | {"requirements": ["numpy", "tensorflow"]}
    with pytest.raises(RunnerFailed, match="tensorflow"):
        PythonRunner(LimitsOnly()).run(bench.work("python", request))


def test_programs_of_clients_are_declined_where_nothing_confines_them(bench: Bench) -> None:
    runner = PythonRunner(LimitsOnly())
    assert runner.support()["sources"] is False
    request = {"entrypoint": "main.py", "source": "open('result.json', 'w').write('1')"}
    with pytest.raises(RunnerFailed, match="cannot confine"):
        runner.run(bench.work("python", request))


def test_what_is_declared_is_what_is_installed(tmp_path: Path) -> None:
    support = PythonRunner(LimitsOnly()).support()
    assert support["packages"] == list(installed_packages())
    assert support["programs"] == {
        "image-classification/model.py": {"does_without": ["torch"], "uses_gpu": False}
    }
    assert load_library(["pillow"]) == {}, "its other package is missing"
    assert load_library(installed_packages(), tmp_path) == {}


# ------------------------------------------------------------------ what a program leaves


def test_what_a_program_prints_is_its_result_if_it_leaves_no_other(bench: Bench) -> None:
    output = run(bench, "print('It ran.')")
    assert (output.text, output.json) == ("It ran.\n", None)


def test_a_program_reads_its_request_and_leaves_files(bench: Bench) -> None:
    source = (
        "import json, os, pathlib\n"
        "request = json.load(open(os.environ['AITBC_REQUEST']))\n"
        "pathlib.Path('artifacts').mkdir()\n"
        "pathlib.Path('artifacts/notes.txt').write_text('noted')\n"
        "json.dump(request, open('result.json', 'w'))\n"
    )
    given = {"entrypoint": "main.py", "source": source, "input": {"data": [1, {"a": None}]}}
    work = bench.work("python", given, params={"depth": 3})
    output = PythonRunner(TrustingLimits()).run(work)
    assert isinstance(output.json, dict)
    assert output.json["input"] == {"data": [1, {"a": None}]}
    assert output.json["params"] == {"depth": 3}
    (artifact,) = output.artifacts
    assert (artifact["name"], artifact["media_type"], artifact["size"]) == (
        "notes.txt",
        "text/plain",
        5,
    )
    assert bench.artifacts.path_of(artifact["artifact"]).read_text() == "noted"


def test_a_program_may_be_an_artifact(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("print(6 * 7)")
    reference = bench.artifacts.put(tmp_path / "p.py")
    work = bench.work("python", {"entrypoint": "main.py", "artifact": reference})
    assert PythonRunner(TrustingLimits()).run(work).text == "42\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("raise ValueError('no luck')", "ended with 1: ValueError: no luck"),
        ("import sys; sys.exit(3)", "ended with 3: it said nothing"),
        ("open('result.json', 'w').write('{')", "result.json is not usable"),
        ("open('result.json', 'w').write('[NaN]')", "NaN is no JSON number"),
        ("open('result.json', 'w').write('9' * 30)", "result.json is not usable"),
        ("open('result.json', 'w').write('[' * 100_000)", "result.json is not usable"),
        ("open('result.json', 'w').write(' ' * 300_000)", "use artifacts"),
        ("print('x' * 300_000)", "use artifacts"),
        ("import os; os.symlink('/etc/hostname', 'result.json')", "no plain file"),
        ("import os; os.mkfifo('result.json')", "no plain file"),
        ("import os; os.mkdir('result.json')", "no plain file"),
        (
            "import os; os.mkdir('artifacts'); os.symlink('/etc/hostname', 'artifacts/a')",
            "no plain file",
        ),
        ("import os; os.mkdir('artifacts'); os.mkfifo('artifacts/a')", "no plain file"),
        (
            "import os; os.mkdir('artifacts'); [os.mkdir(f'artifacts/{n}') for n in range(17)]",
            "more than 16 artifacts",
        ),
    ],
)
def test_what_a_program_leaves_is_taken_as_hostile(bench: Bench, source: str, told: str) -> None:
    assert told in refusal(bench, source)


def test_a_program_that_runs_too_long_is_ended(bench: Bench) -> None:
    told = refusal(bench, "while True: pass", wall_seconds_max=1.0)
    assert told == "entrypoint: runs longer than 1 s"


def test_a_program_that_takes_too_much_memory_is_ended(bench: Bench) -> None:
    assert "MemoryError" in refusal(bench, "bytearray(5 << 30)")


def test_a_program_that_leaves_too_many_files_is_ended(bench: Bench) -> None:
    source = "import time\nfor n in range(12_000): open(str(n), 'w').close()\ntime.sleep(600)"
    assert "too many files" in refusal(bench, source)


def test_a_program_ends_when_its_job_does(bench: Bench) -> None:
    bench.stop.set()
    with pytest.raises(WorkCancelled):
        run(bench, "import time; time.sleep(600)")


def test_a_program_sees_nothing_of_the_miners_environment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINER_SECRET", "hunter2")
    output = run(bench, "import json, os; json.dump(dict(os.environ), open('result.json', 'w'))")
    assert isinstance(output.json, dict)
    assert "hunter2" not in json.dumps(output.json)
    assert canonical_json(output.document())


def test_the_command_names_the_program_in_its_own_folder(tmp_path: Path) -> None:
    job = Job(tmp_path / "program", "main.py", tmp_path / "given", tmp_path / "out")
    assert LimitsOnly().command(job, 3)[-1] == str(tmp_path / "program" / "main.py")
