"""The demo: one prompt through a language model, one video through ffmpeg, both paid."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aitbc import Client
from devnet.network.clip import make_clip
from devnet.network.journey import JobOutcome, Journey, Step

PROMPT = "What is the capital of France? Answer in one sentence."
JOB_TIMEOUT_S = 120.0
"""Limit of one demo job; the model answers in about a second."""


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """How the demo's jobs ended."""

    inference: JobOutcome
    """The prompt."""
    transcode: JobOutcome
    """The video."""

    def as_json(self) -> dict[str, Any]:
        """Return `result`, `receipt_id`, `block_height`, `payment` of the prompt, and both jobs."""
        jobs = [self.inference.as_json(), self.transcode.as_json()]
        head = {name: jobs[0][name] for name in ("result", "receipt_id", "block_height", "payment")}
        return head | {"jobs": jobs}


def run_demo(base_url: str, tell: Callable[[Step], None]) -> DemoOutcome:
    """Run both jobs as the devnet's demo identity.

    Raises:
        DemoFailed: a job did not end with a result, a receipt and a payment.
        AitbcError: the node refused a request or did not answer.
    """
    with Client(base_url) as client, tempfile.TemporaryDirectory() as folder:
        journey = Journey(client, base_url, tell)
        prompt = {"model": "llama3.2", "prompt": PROMPT, "parameters": {"max_tokens": 48}}
        inference = journey.run(f"prompt “{PROMPT}”", prompt, JOB_TIMEOUT_S)
        clip = client.upload_artifact(make_clip(Path(folder) / "clip.mp4"))
        video = {
            "service": "ffmpeg_transcode",
            "input_url": f"artifact:{clip}",
            "output_format": "mp4",
            "codec": "h264",
            "resolution": "320x180",
        }
        transcode = journey.run("video of two seconds to H.264, 320x180", video, JOB_TIMEOUT_S)
    return DemoOutcome(inference, transcode)
