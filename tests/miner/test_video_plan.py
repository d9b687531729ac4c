"""What a video job may ask for."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.runners.video_plan import CODECS, FORMATS, VideoPlan
from miner.work import BadInput

SOURCE = {"input_url": "artifact:sha256:" + "0" * 64}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "input_url"),
        ({"input_url": 7}, "input_url"),
        ({"input_url": ""}, "input_url"),
        ({"input_url": "x" * 2_049}, "input_url"),
        ({**SOURCE, "output_format": "exe"}, "output_format"),
        ({**SOURCE, "output_format": "mp4 -f tee"}, "output_format"),
        ({**SOURCE, "output_format": ["mp4"]}, "output_format"),
        ({**SOURCE, "codec": "libx264"}, "codec"),
        ({**SOURCE, "codec": "h264;reboot"}, "codec"),
        ({**SOURCE, "codec": None}, "codec"),
        ({**SOURCE, "codec": "h264", "output_format": "webm"}, "codec"),
        ({**SOURCE, "resolution": "320x181"}, "resolution"),
        ({**SOURCE, "resolution": "0x0"}, "resolution"),
        ({**SOURCE, "resolution": "00x00"}, "resolution"),
        ({**SOURCE, "resolution": "9998x9998"}, "resolution"),
        ({**SOURCE, "resolution": "320x180,drawtext=textfile=/etc/passwd"}, "resolution"),
        ({**SOURCE, "resolution": "３２０x180"}, "resolution"),
        ({**SOURCE, "resolution": 320}, "resolution"),
        ({**SOURCE, "vf": "movie=/etc/passwd"}, "vf"),
        ({**SOURCE, "-i": "/etc/passwd"}, "-i"),
    ],
)
def test_a_refusal_names_the_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refusal:
        VideoPlan.of(given)
    assert refusal.value.field == field


def test_nothing_but_the_input_is_needed() -> None:
    plan = VideoPlan.of(SOURCE)
    assert (plan.output_format, plan.encoder, plan.audio_encoder) == ("mp4", "libx264", "aac")
    webm = VideoPlan.of({**SOURCE, "output_format": "WebM"})
    assert (webm.encoder, webm.audio_encoder) == ("libvpx-vp9", "libopus")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(["input_url", "input", "output_format", "codec", "resolution", "x"])


@given(st.dictionaries(NAMES, JSON | st.sampled_from([*FORMATS, *CODECS, "640x360"])))
def test_any_request_is_a_plan_of_known_words_or_a_typed_refusal(given: dict[str, Any]) -> None:
    with suppress(BadInput):
        plan = VideoPlan.of(given)
        assert plan.output_format in FORMATS
        assert plan.encoder in CODECS.values()
        assert set(plan.scale) <= set("scale=trunc(iwh)/2*:0123456789")
