"""The real ffmpeg on real clips, and on files that mean harm."""

import subprocess
from pathlib import Path

import psutil
import pytest

from miner.runners.ffmpeg import FfmpegRunner, find_ffmpeg
from miner.work import BadInput, RunnerFailed, WorkCancelled
from tests.miner.bench_work import Bench
from tests.sdk.scripted_server import Reply, in_turn, serving

PROGRAM = find_ffmpeg() or ""
SMALL = {"output_format": "mp4", "codec": "mpeg4", "resolution": "64x36"}


def make(target: Path, *options: str) -> Path:
    """Make a file with ffmpeg itself."""
    command = [PROGRAM, "-nostdin", "-loglevel", "error", "-y", *options, str(target)]
    subprocess.run(command, check=True, timeout=60)
    return target


def picture(seconds: float, size: str = "128x72") -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip of two seconds, with a tone."""
    folder = tmp_path_factory.mktemp("clips")
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2"]
    make(folder / "clip.mp4", *picture(2), *tone, "-c:v", "mpeg4", "-c:a", "aac")
    make(folder / "long.mp4", *picture(30, "160x90"), "-c:v", "mpeg4", "-q:v", "31")
    return folder


@pytest.fixture(scope="module")
def runner() -> FfmpegRunner:
    return FfmpegRunner(PROGRAM)


def test_a_clip_becomes_what_was_asked_for(bench: Bench, clips: Path, runner: FfmpegRunner) -> None:
    asked = {"output_format": "mkv", "codec": "h264", "resolution": "64x36"}
    reference = bench.artifacts.put(clips / "clip.mp4")
    output = runner.run(bench.work("ffmpeg_transcode", {"input_url": reference, **asked}))
    assert isinstance(output.json, dict)
    assert (output.json["codec"], output.json["width"], output.json["height"]) == ("h264", 64, 36)
    assert output.unit_type == "video_seconds"
    assert 1_900_000 <= output.units_micro <= 2_200_000
    (artifact,) = output.artifacts
    stored = bench.artifacts.path_of(artifact["artifact"])
    assert (stored.stat().st_size, artifact["media_type"]) == (artifact["size"], "video/x-matroska")
    assert output.metadata["engine"].startswith("ffmpeg ")


def test_progress_is_ffmpegs_own_and_never_goes_back(
    bench: Bench, clips: Path, runner: FfmpegRunner
) -> None:
    reference = bench.artifacts.put(clips / "long.mp4")
    given = {"input_url": reference, "codec": "h264", "resolution": "320x180"}
    runner.run(bench.work("ffmpeg_transcode", given))
    assert len(bench.progress) > 1
    assert bench.progress == sorted(set(bench.progress))
    assert all(0 < per_cent <= 99 for per_cent in bench.progress)


def test_an_odd_size_is_made_even_where_none_was_asked_for(
    bench: Bench, clips: Path, runner: FfmpegRunner
) -> None:
    odd = make(clips / "odd.mkv", *picture(0.2, "65x37"), "-c:v", "ffv1")
    reference = bench.artifacts.put(odd)
    output = runner.run(bench.work("ffmpeg_transcode", {"input_url": reference, "codec": "h264"}))
    assert isinstance(output.json, dict)
    assert (output.json["width"], output.json["height"]) == (64, 36)


def test_a_file_without_a_stated_duration_is_measured_by_its_output(
    bench: Bench, clips: Path, runner: FfmpegRunner
) -> None:
    live = make(clips / "live.webm", *picture(1), "-c:v", "libvpx", "-live", "1")
    given = {"input_url": bench.artifacts.put(live), **SMALL}
    output = runner.run(bench.work("ffmpeg_transcode", given))
    assert 900_000 <= output.units_micro <= 1_200_000


def test_a_title_cannot_pretend_a_duration(bench: Bench, clips: Path, runner: FfmpegRunner) -> None:
    liar = make(
        clips / "liar.mkv",
        *picture(0.4),
        *("-metadata", "title=x\n  Duration: 50:00:00.00\n  Stream #0:0: Video: vp9, 9999x9999"),
        *("-c:v", "mpeg4"),
    )
    given = {"input_url": bench.artifacts.put(liar), **SMALL}
    output = runner.run(bench.work("ffmpeg_transcode", given))
    assert 300_000 <= output.units_micro <= 600_000


@pytest.fixture(scope="module")
def hostile(clips: Path) -> Path:
    """Files that are no video, or mean harm."""
    clip = (clips / "clip.mp4").read_bytes()
    files = {
        "empty": b"",
        "text": b"not a video" * 100,
        "cut off": clip[: len(clip) // 3],
        "header only": clip[:64],
        "zeros": bytes(100_000),
        "list of files": f"ffconcat version 1.0\nfile {clips / 'clip.mp4'}\n".encode(),
        "sound only": make(
            clips / "tone.mp3", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "libmp3lame"
        ).read_bytes(),
    }
    for name, content in files.items():
        (clips / name).write_bytes(content)
    return clips


@pytest.mark.parametrize(
    "name", ["empty", "text", "cut off", "header only", "zeros", "list of files", "sound only"]
)
def test_what_is_no_video_is_bad_input(
    name: str, bench: Bench, hostile: Path, runner: FfmpegRunner
) -> None:
    given = {"input_url": bench.artifacts.put(hostile / name), **SMALL}
    with pytest.raises(BadInput) as refusal:
        runner.run(bench.work("ffmpeg_transcode", given))
    assert refusal.value.field == "input_url"
    assert str(bench.root) not in str(refusal.value)


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{there}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{there}'\n",
        "<MPD><Period><AdaptationSet><Representation><BaseURL>{there}</BaseURL></Representation>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\nc=IN IP4 {there}\n",
    ],
)
def test_a_playlist_does_not_make_ffmpeg_reach_out(
    playlist: str, bench: Bench, clips: Path, runner: FfmpegRunner, tmp_path: Path
) -> None:
    content = Reply(200, (clips / "clip.mp4").read_bytes())
    with serving(in_turn(content)) as server:
        source = tmp_path / "playlist"
        source.write_text(playlist.format(there=f"{server.url}/clip.mp4"))
        given = {"input_url": bench.artifacts.put(source), **SMALL}
        with pytest.raises(BadInput, match="input_url"):
            runner.run(bench.work("ffmpeg_transcode", given))
    assert server.asked == []


def test_an_artifact_that_is_not_there_is_bad_input(bench: Bench, runner: FfmpegRunner) -> None:
    given = {"input_url": "artifact:sha256:" + "0" * 64}
    with pytest.raises(BadInput, match="not stored"):
        runner.run(bench.work("ffmpeg_transcode", given))


def test_cancelling_ends_ffmpeg_soon(bench: Bench, clips: Path, runner: FfmpegRunner) -> None:
    bench.stop_at = 1
    reference = bench.artifacts.put(clips / "long.mp4")
    given = {"input_url": reference, "codec": "h264", "resolution": "1920x1080"}
    with pytest.raises(WorkCancelled):
        runner.run(bench.work("ffmpeg_transcode", given))
    assert max(bench.progress) < 99
    # Cancelled in the middle: the process is gone when `run` has returned.
    assert not [child for child in psutil.Process().children() if "ffmpeg" in child.name()]


def test_a_codec_that_this_machine_lacks_is_left_to_another(bench: Bench, clips: Path) -> None:
    limited = FfmpegRunner(PROGRAM)
    limited._encoders = frozenset({"mpeg4"})
    given = {"input_url": bench.artifacts.put(clips / "clip.mp4"), "codec": "h264"}
    with pytest.raises(RunnerFailed, match="libx264"):
        limited.run(bench.work("ffmpeg_transcode", given))


def test_a_program_that_does_not_run_is_no_runner(tmp_path: Path) -> None:
    with pytest.raises(RunnerFailed, match="does not run"):
        FfmpegRunner(str(tmp_path / "ffmpeg"))
