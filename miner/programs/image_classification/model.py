"""Names the scene whose colours a picture is nearest to.

A sample of a program for Python jobs, and an honest one: five scenes are described by the mean
colours of their upper, middle and lower third, and the picture's distance to each becomes a
confidence. Nothing was trained.

A program reads its request from the JSON file that `AITBC_REQUEST` names, works in the current
folder, and leaves its result there as `result.json`.
"""

import json
import os
import time
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Colours = npt.NDArray[np.float64]
"""Three rows (upper, middle, lower third) of red, green and blue, 0 to 1."""

SCENES: Final[dict[str, list[list[float]]]] = {
    "meadow": [[0.55, 0.74, 0.93], [0.52, 0.72, 0.55], [0.33, 0.58, 0.22]],
    "night": [[0.03, 0.04, 0.12], [0.05, 0.06, 0.14], [0.04, 0.05, 0.09]],
    "sea": [[0.60, 0.78, 0.93], [0.30, 0.52, 0.72], [0.10, 0.32, 0.55]],
    "snow": [[0.78, 0.85, 0.93], [0.90, 0.92, 0.95], [0.95, 0.96, 0.98]],
    "sunset": [[0.45, 0.28, 0.42], [0.93, 0.50, 0.25], [0.20, 0.12, 0.14]],
}

SHARPNESS: Final = 8.0
"""How quickly confidence falls with distance."""

PIXELS_MAX: Final = 50_000_000
"""Larger pictures are refused before they are decoded."""


def colours_of(path: Path) -> Colours:
    """Return the mean colours of a picture's thirds."""
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    with Image.open(path) as picture:
        small = picture.convert("RGB").resize((48, 48))
    pixels = np.asarray(small, dtype=np.float64) / 255
    means: Colours = pixels.reshape(3, 16 * 48, 3).mean(axis=1)
    return means


def classify(colours: Colours) -> tuple[str, float]:
    """Return the nearest scene, and its share of the confidence over all scenes."""
    names = sorted(SCENES)
    known = np.array([SCENES[name] for name in names])
    distances = np.sqrt(((known - colours) ** 2).sum(axis=(1, 2)))
    weights = np.exp(-SHARPNESS * (distances - distances.min()))
    shares = weights / weights.sum()
    nearest = int(shares.argmax())
    return names[nearest], float(shares[nearest])


def main() -> None:
    """Classify the picture of the request, or the sample that stands beside this file."""
    request = json.loads(Path(os.environ["AITBC_REQUEST"]).read_text("utf-8"))
    began = time.perf_counter()
    path = Path(request["file"] or Path(__file__).with_name("sample.jpg"))
    prediction, confidence = classify(colours_of(path))
    result = {
        "prediction": prediction,
        "confidence": round(confidence, 4),
        "processing_time": round(time.perf_counter() - began, 4),
    }
    Path("result.json").write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main()
