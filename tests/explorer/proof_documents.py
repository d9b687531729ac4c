"""Documents that a verifier in a browser is given, and scripts that give it many at once."""

import json
from pathlib import Path
from typing import Any

from tests.vectors.proof_cuts import patched

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "proofs.json").read_text(encoding="utf-8")
)
BUNDLES = {each["name"]: each["bundle"] for each in VECTORS["bundles"]}
ACCOUNT: str = next(
    each["claims"]["claim"]["address"] for each in VECTORS["bundles"] if each["name"] == "account"
)
PIN: str = VECTORS["trusts"]["pinned"]["genesis_digest"]

CHECK_ALL = """
async (documents) => {
  const part = (name) => document.querySelector(`[data-part="${name}"]`);
  const verdicts = [];
  for (const { text, pin } of documents) {
    if (part("pin").value.replaceAll(" ", "") !== pin) {
      part("pin").value = pin;
      part("keep").click();
    }
    part("paste").value = text;
    document.querySelector("form.taken").requestSubmit();
    while (part("verdict").textContent.startsWith("Checking")) {
      await new Promise((done) => setTimeout(done));
    }
    const failed = document.querySelector('[data-verdict="failed"]');
    const code = failed?.querySelector("code").textContent;
    verdicts.push([part("verdict").className, failed?.dataset.step, code]);
  }
  return verdicts;
}
"""

HOSTILE: list[tuple[list[tuple[str, int]], str]] = [
    ([("[", 200_000), ("]", 200_000)], "DOCUMENT_MALFORMED"),
    ([('{"a":', 200_000)], "DOCUMENT_MALFORMED"),
    ([(" ", 16 * 1_048_576 + 1)], "DOCUMENT_TOO_LARGE"),
    ([('{"format":"aitbc-proof/1","kind":"__proto__"}', 1)], "FORMAT_UNKNOWN"),
    ([('{"__proto__":{"format":"aitbc-proof/1"}}', 1)], "DOCUMENT_MALFORMED"),
    ([('{"format":"aitbc-proof/1\x00","kind":"receipt"}', 1)], "DOCUMENT_MALFORMED"),
    ([("<script>window.hacked = 1</script>", 1)], "DOCUMENT_MALFORMED"),
    (
        [('{"format":"aitbc-proof/1","kind":"<img src=x onerror=hacked=1>"}', 1)],
        "FORMAT_UNKNOWN",
    ),
]
"""Files, as texts and how often each is repeated, and why they are refused."""

CHOOSE_ALL = """
async (files) => {
  const part = (name) => document.querySelector(`[data-part="${name}"]`);
  const found = [];
  for (const texts of files) {
    const transfer = new DataTransfer();
    transfer.items.add(new File(texts.map(([text, times]) => text.repeat(times)), "some.json"));
    part("file").files = transfer.files;
    part("file").dispatchEvent(new Event("change"));
    // The verdict before is gone as soon as the next file is chosen.
    const before = [part("verdict").textContent, document.querySelectorAll(".tone-bad").length];
    while (part("verdict").textContent.startsWith("Checking")) {
      await new Promise((done) => setTimeout(done));
    }
    const failed = document.querySelector('[data-verdict="failed"]');
    found.push([...before, failed.dataset.step, failed.querySelector("code").textContent]);
  }
  return found;
}
"""


def refusals() -> list[tuple[dict[str, str], tuple[str, str]]]:
    """Return what a page is given that no page may believe, and what it must find.

    Readers who bring a genesis file or sets that they verified before do not use the page.
    """
    found = []
    for each in VECTORS["refused"]:
        trust = VECTORS["trusts"][each["trust"]]
        if trust["specification"] is None and not trust["known"]:
            text = json.dumps(patched(BUNDLES[each["base"]], each["patch"]))
            given = {"text": text, "pin": trust["genesis_digest"]}
            found.append((given, (each["step"], each["code"])))
    assert len(found) > 100
    return found
