"""The services that this version knows (S1), with their default prices."""

from typing import Final

from coordinator.registry.model import HardwareRequirement, ServiceDefinition
from ledger.params import NAIT_PER_AITBC

_MILLI: Final = NAIT_PER_AITBC // 1_000


def _machine(
    cores: tuple[int, int], memory_mib: tuple[int, int], gpu_memory_mib: tuple[int, int]
) -> tuple[HardwareRequirement, ...]:
    """Return the components of a machine, each with its least and its recommended amount."""
    return (
        HardwareRequirement("cpu", *cores, "cores"),
        HardwareRequirement("memory", *memory_mib, "MiB"),
        HardwareRequirement("gpu_memory", *gpu_memory_mib, "MiB"),
    )


DEFINITIONS: Final = (
    ServiceDefinition(
        service_id="blender_render",
        name="Blender render",
        category="media_processing",
        description="Renders frames of a Blender scene.",
        default_max_price=5 * NAIT_PER_AITBC,
        default_price=2 * NAIT_PER_AITBC,
        attempt_s=3_600,
        has_model=False,
        needs_text=False,
        needs_artifact=True,
        tags=("3d", "animation", "blender", "picture", "rendering"),
        requirements=_machine((2, 8), (4_096, 16_384), (0, 8_192)),
    ),
    ServiceDefinition(
        service_id="ffmpeg_transcode",
        name="FFmpeg transcode",
        category="media_processing",
        description="Converts audio or video to another format, codec or size.",
        default_max_price=500 * _MILLI,
        default_price=200 * _MILLI,
        attempt_s=1_800,
        has_model=False,
        needs_text=False,
        needs_artifact=True,
        tags=("audio", "codec", "conversion", "ffmpeg", "video"),
        requirements=_machine((1, 4), (1_024, 4_096), (0, 0)),
    ),
    ServiceDefinition(
        service_id="llm_inference",
        name="LLM inference",
        category="ai_ml",
        description="Answers a prompt with a language model.",
        default_max_price=100 * _MILLI,
        default_price=20 * _MILLI,
        attempt_s=300,
        has_model=True,
        needs_text=True,
        needs_artifact=False,
        tags=("chat", "completion", "language-model", "llama", "text"),
        requirements=_machine((1, 4), (1_024, 8_192), (0, 8_192)),
    ),
    ServiceDefinition(
        service_id="python",
        name="Python program",
        category="scientific_computing",
        description="Runs an entry point of the program library in a sandbox.",
        default_max_price=1 * NAIT_PER_AITBC,
        default_price=500 * _MILLI,
        attempt_s=900,
        has_model=False,
        needs_text=False,
        needs_artifact=False,
        tags=("code", "program", "sandbox", "script"),
        requirements=_machine((1, 4), (1_024, 4_096), (0, 0)),
    ),
    ServiceDefinition(
        service_id="stable_diffusion",
        name="Stable Diffusion",
        category="ai_ml",
        description="Makes pictures from a description.",
        default_max_price=500 * _MILLI,
        default_price=200 * _MILLI,
        attempt_s=900,
        has_model=False,
        needs_text=False,
        needs_artifact=True,
        tags=("diffusion", "generation", "image", "picture"),
        requirements=_machine((2, 8), (8_192, 16_384), (4_096, 12_288)),
    ),
    ServiceDefinition(
        service_id="whisper_transcribe",
        name="Whisper transcription",
        category="ai_ml",
        description="Writes down what is said in a recording.",
        default_max_price=500 * _MILLI,
        default_price=100 * _MILLI,
        attempt_s=1_800,
        has_model=False,
        needs_text=False,
        needs_artifact=False,
        tags=("audio", "recognition", "speech", "subtitles", "translation"),
        requirements=_machine((2, 4), (2_048, 8_192), (0, 6_144)),
    ),
)
"""All services, by id."""
