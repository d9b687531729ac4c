"""The JavaScript package without a network: vectors, verdicts, names, limits."""

import shutil

from tests.sdk_js.programs import PACKAGE, Program

FALLBACK = PACKAGE.parents[1] / "explorer_web" / "static" / "verify-fallback.js"
"""What pages compute with where a browser has no Ed25519."""


async def test_the_verifier_reaches_the_verdicts_of_the_vectors(program: Program) -> None:
    assert await program.test("verification.test.mjs") >= 10


async def test_webhooks_are_believed_only_with_their_secret_and_in_time(program: Program) -> None:
    assert await program.test("webhooks.test.mjs") >= 4


async def test_calls_repeat_what_is_safe_and_end_in_time(program: Program) -> None:
    assert await program.test("calls.test.mjs") >= 10


async def test_waits_and_streams_outlast_lost_connections(program: Program) -> None:
    assert await program.test("streams.test.mjs") >= 4


async def test_a_node_that_lies_about_receipts_is_found_out(program: Program) -> None:
    assert await program.test("receipts.test.mjs") >= 6


async def test_paths_to_roots_and_canonical_bytes_are_judged_as_by_the_ledger(
    program: Program,
) -> None:
    assert await program.test("trees.test.mjs") >= 5


async def test_proof_bundles_get_the_verdicts_of_the_vectors_also_without_webcrypto(
    program: Program,
) -> None:
    fallback = program.folder / "fallback.mjs"
    shutil.copy(FALLBACK, fallback)
    assert await program.test("proofs.test.mjs", FALLBACK=str(fallback)) >= 7
