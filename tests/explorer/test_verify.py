"""The verifier as it is served: made of the SDK's checker, small, and complete in one file."""

import gzip
import re
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from explorer_web.verification import BundleError, bundle
from explorer_web.verification.__main__ import main
from explorer_web.verification.scripts import kept_path, made_scripts
from tests.explorer.chains import IndexedChain
from tests.explorer.serving import Served


def test_the_served_scripts_are_what_the_sources_make() -> None:
    for name, text in made_scripts().items():
        kept = kept_path(name).read_text(encoding="utf-8")
        assert kept == text, "run: python -m explorer_web.verification --write"


def test_the_source_makes_the_file_that_nodes_serve(
    site: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = tmp_path / "verifier.html"
    monkeypatch.setattr(sys, "argv", ["verification", "--save", str(made)])
    assert main() == 0
    assert made.read_bytes() == site.get("/verify/offline.html").content
    assert capsys.readouterr().out.split()[0] == sha256(made.read_bytes()).hexdigest()


def test_a_page_loads_the_verifier_only_when_it_is_used(site: Served, chain: IndexedChain) -> None:
    for path in ("/verify", f"/receipts/{chain.receipts['settled'].hex()}"):
        page = site.get(path).text
        assert re.findall(r"<script[^>]+verify", page) == []
        assert re.findall(r'data-module="(/static/verify\.js\?v=[0-9a-f]{16})"', page)
    script = site.get("/static/verify.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert len(gzip.compress(script.content)) <= 22_000
    assert len(gzip.compress(site.get("/static/verify-fallback.js").content)) <= 22_000


def test_the_saved_file_holds_all_it_needs_and_allows_nothing_else(site: Served) -> None:
    answer = site.get("/verify/offline.html")
    assert answer.headers["content-disposition"] == 'attachment; filename="aitbc-verifier.html"'
    text = answer.text
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    (script,) = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    parts = [part.strip() for part in policy.replace("&#39;", "'").split(";")]
    assert parts == [
        "default-src 'none'",
        f"script-src '{digest_of(script)}'",
        f"style-src '{digest_of(style)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert re.findall(r'\b(?:src|href|action)="(?!data:)', text) == []


def digest_of(text: str) -> str:
    """Return a text's digest as a policy names it."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def test_the_page_names_the_digest_of_the_file_that_it_gives(site: Served) -> None:
    saved = site.get("/verify/offline.html")
    assert sha256(saved.content).hexdigest() in site.get("/verify").text
    again = site.get("/verify/offline.html", **{"If-None-Match": saved.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_receipt_says_how_it_is_checked_without_a_script(
    site: Served, chain: IndexedChain
) -> None:
    receipt = chain.receipts["settled"].hex()
    page = site.get(f"/receipts/{receipt}").text
    assert f"/v1/proofs/receipt/{receipt}" in page
    assert "aitbc verify receipt.proof.json --genesis genesis.json" in page
    assert '<button type="button" class="primary" data-part="start" data-scripted hidden>' in page


@pytest.mark.parametrize(
    "text",
    [
        "import other from './b.js';\n",
        "import './b.js';\n",
        "export default 7;\n",
        "export * from './b.js';\n",
        "export let changes = 7;\n",
        "const late = await import('./b.js');\n",
        "const here = import.meta.url;\n",
        "import { b } from './a.js';\n",
        "import { b } from 'unknown/b.js';\n",
        "import { b as } from './b.js';\n",
    ],
)
def test_modules_of_another_form_are_not_bundled(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.js").write_text(text)
    (tmp_path / "b.js").write_text("export const b = 7;\n")
    with pytest.raises(BundleError):
        bundle(tmp_path / "a.js", {}, "")


_LIBRARY = """\
// An example, which imports nothing:
// import { other } from 'elsewhere';
export class Unused {}
export function kept(a) {
  return a + 1;
}

export function alsoUnused({ a }) {
  return a;
}
export const number = 1;
export function usedHere() {
  return 2;
}
export const sum = usedHere() + number;
"""


@pytest.mark.parametrize(
    ("imported", "exports"),
    [
        ("{ kept, sum }", "kept, number, usedHere, sum"),
        ("{ alsoUnused as other }", "alsoUnused, number, usedHere, sum"),
        ("* as all", "Unused, kept, alsoUnused, number, usedHere, sum"),
    ],
)
def test_what_nobody_imports_is_left_out_of_a_script(
    tmp_path: Path, imported: str, exports: str
) -> None:
    (tmp_path / "library.js").write_text(_LIBRARY)
    entry = tmp_path / "entry.js"
    entry.write_text(f"import {imported} from './library.js';\nexport function run() {{}}\n")
    made = bundle(entry, {}, "// Notice")
    assert f"return {{ {exports} }};" in made
    for name in ("Unused", "kept", "alsoUnused"):
        is_there = re.search(rf"(?:class|function) {name}\b", made) is not None
        assert is_there == (name in exports.split(", "))
    assert "export const { run }" in made
