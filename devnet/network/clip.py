"""A short video made by ffmpeg itself, so that the demo transcodes a real file."""

import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg

CLIP_SECONDS = 2
"""Length of the clip: long enough to be a video, short enough not to be waited for."""


def ffmpeg_program() -> str:
    """Return the system's ffmpeg, else the one that `imageio-ffmpeg` carries."""
    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())


def make_clip(target: Path) -> Path:
    """Write a moving test picture with a tone to `target`, an MPEG-4 file, and return it."""
    picture = f"testsrc2=size=640x360:rate=25:duration={CLIP_SECONDS}"
    tone = f"sine=frequency=440:duration={CLIP_SECONDS}"
    command = [ffmpeg_program(), "-nostdin", "-loglevel", "error", "-y"]
    command += ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone]
    command += ["-c:v", "mpeg4", "-q:v", "5", "-c:a", "aac", "-shortest", str(target)]
    subprocess.run(command, check=True, timeout=60)
    return target
