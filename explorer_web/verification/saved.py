"""The verifier as one file that works offline: style and scripts inside, no request possible.

Its own policy, in a `meta` element, names the digests of its script and its style and allows
nothing else: no connection, no image but the icon, no form's target. It is the same for all nodes
of a version, so that its digest can be compared.
"""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256

from explorer_web.assets import Assets
from explorer_web.rendering import Renderer
from explorer_web.verification.bundle import without_export
from explorer_web.verification.scripts import FALLBACK, SITE

_START = 'attachSaved(document.getElementById("verification"), FALLBACK);\n'


@dataclass(frozen=True, slots=True)
class SavedVerifier:
    """The file."""

    content: bytes
    """Its bytes."""
    digest: bytes
    """Their SHA-256."""


def saved_verifier(assets: Assets, renderer: Renderer) -> SavedVerifier:
    """Return the file.

    Args:
        assets: where style and scripts are.
        renderer: writes its template.
    """
    style = assets.text("explorer.css")
    script = without_export(assets.text(FALLBACK)) + without_export(assets.text(SITE)) + _START
    assert "</style" not in style.lower(), "the style would end early"
    assert "</script" not in script.lower(), "the script would end early"
    assert "<!--" not in script, "the script would be read as a comment"
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    content = renderer.document("verify_saved.html", policy=policy, style=style, script=script)
    return SavedVerifier(content, sha256(content).digest())


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
