"""Deliberate breakages of the consensus rules, and whether the tests notice each of them."""

from devnet.mutation.catalogue import MUTATIONS, Edit, Mutation
from devnet.mutation.detectors import Detector, DetectorBroken, detectors
from devnet.mutation.runner import TextMissing, Verdict, broken_text, copied_tree, judge

__all__ = [
    "MUTATIONS",
    "Detector",
    "DetectorBroken",
    "Edit",
    "Mutation",
    "TextMissing",
    "Verdict",
    "broken_text",
    "copied_tree",
    "detectors",
    "judge",
]
