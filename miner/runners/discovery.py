"""Which runners this machine can have."""

import importlib.util
from collections.abc import Mapping

from miner.runners.ffmpeg import FfmpegRunner, find_ffmpeg
from miner.runners.llm import DEFAULT_MODEL, LlmRunner, find_default_model
from miner.runners.python import PythonRunner
from miner.runners.sandbox import Level, LimitsOnly, find_sandbox
from miner.work import Runner


def discover_runners(
    aliases: Mapping[str, str], least_confinement: Level = Level.SANDBOX
) -> list[Runner]:
    """Return a runner for each service whose software is installed.

    Args:
        aliases: model names of others that a model of this machine answers for (S3).
        least_confinement: how far Python programs have to be confined; where that cannot be,
            there is no runner for them. With `Level.LIMITS` a machine without a working sandbox
            runs the programs of the miner's own library, and none of clients.
    """
    runners: list[Runner] = []
    model_file = find_default_model()
    if model_file is not None and importlib.util.find_spec("xllamacpp") is not None:
        runners.append(LlmRunner(model_file, DEFAULT_MODEL, aliases))
    program = find_ffmpeg()
    if program is not None:
        runners.append(FfmpegRunner(program))
    confinement = find_sandbox() or (LimitsOnly() if least_confinement is Level.LIMITS else None)
    if confinement is not None:
        runners.append(PythonRunner(confinement))
    return runners
