"""What a video job may ask for: closed tables, and no word of the client's own behind them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from miner.runners import fields
from miner.work import BadInput

PIXELS_SIDE_MIN: Final = 16
PIXELS_SIDE_MAX: Final = 7_680

FORMATS: Final[Mapping[str, str]] = {"mp4": "mp4", "mkv": "matroska", "webm": "webm", "mov": "mov"}
"""Output formats by their wire names, as ffmpeg's muxers."""

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "mp4": "video/mp4",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "mov": "video/quicktime",
}

CODECS: Final[Mapping[str, str]] = {
    "h264": "libx264",
    "h265": "libx265",
    "hevc": "libx265",
    "vp9": "libvpx-vp9",
    "av1": "libaom-av1",
    "mpeg4": "mpeg4",
}
"""Video codecs by their wire names, as ffmpeg's encoders."""

_AUDIO_ENCODERS: Final[Mapping[str, str]] = {"webm": "libopus"}
"""Audio encoder by output format where it is not AAC."""

_WEBM_ENCODERS: Final = frozenset({"libvpx-vp9", "libaom-av1"})
_RESOLUTION: Final = re.compile(r"([0-9]{2,4})x([0-9]{2,4})", re.ASCII)
_SOURCE_CHARACTERS_MAX: Final = 2_048
_KNOWN_FIELDS: Final = frozenset(
    {"input_url", "input", "output_format", "codec", "resolution", "type", "format"}
)
_EVEN: Final = "scale=trunc(iw/2)*2:trunc(ih/2)*2"
"""Keeps the size but for an odd line or column, which most encoders refuse."""


@dataclass(frozen=True)
class VideoPlan:
    """A checked request."""

    source: str
    """Reference of the input file; hostile until it is fetched."""
    output_format: str
    """Key of `FORMATS`."""
    encoder: str
    """ffmpeg's video encoder."""
    audio_encoder: str
    """ffmpeg's audio encoder."""
    scale: str
    """ffmpeg's filter for the size."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read a request.

        Raises:
            BadInput: a field is unknown or not allowed; names it.
        """
        for field in sorted(given.keys() - _KNOWN_FIELDS):
            raise BadInput(field[:64], "is not a field of ffmpeg_transcode")
        source = fields.text(
            given,
            "input" if "input" in given and "input_url" not in given else "input_url",
            _SOURCE_CHARACTERS_MAX,
        )
        output_format = fields.choice(
            given, "output_format", "mp4", {name: name for name in FORMATS}
        )
        default_codec = "vp9" if output_format == "webm" else "h264"
        encoder = fields.choice(given, "codec", default_codec, CODECS)
        if output_format == "webm" and encoder not in _WEBM_ENCODERS:
            raise BadInput("codec", "webm holds vp9 or av1")
        return cls(
            source=source,
            output_format=output_format,
            encoder=encoder,
            audio_encoder=_AUDIO_ENCODERS.get(output_format, "aac"),
            scale=_scale(given),
        )


def _scale(given: Mapping[str, Any]) -> str:
    if "resolution" not in given:
        return _EVEN
    found = _RESOLUTION.fullmatch(fields.text(given, "resolution", 9))
    if found is None:
        raise BadInput("resolution", "must be WIDTHxHEIGHT, such as 1280x720")
    sides = [int(side) for side in found.groups()]
    if any(side % 2 or not PIXELS_SIDE_MIN <= side <= PIXELS_SIDE_MAX for side in sides):
        raise BadInput(
            "resolution", f"sides must be even, from {PIXELS_SIDE_MIN} to {PIXELS_SIDE_MAX}"
        )
    return f"scale={sides[0]}:{sides[1]}"
