"""Proof bundles checked in the reader's browser: the page, the script, and the file to keep."""

from explorer_web.verification.bundle import BundleError, bundle
from explorer_web.verification.routes import offline, verify
from explorer_web.verification.saved import SavedVerifier, saved_verifier

__all__ = ["BundleError", "SavedVerifier", "bundle", "offline", "saved_verifier", "verify"]
