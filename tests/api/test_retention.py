"""An owner deletes the content of a job over HTTP."""

from tests.api.site import Site


async def test_the_content_of_a_job_is_deleted_by_its_owner(site: Site) -> None:
    waiting = await site.queued({"prompt": "Hello"})
    refused = await site.http.delete(f"/v1/jobs/{waiting}/data")
    assert (refused.status_code, refused.json()["error_code"]) == (409, "JOB_NOT_FINISHED")
    job_id = await site.done({"prompt": "Why is the sky blue?"})
    deleted = await site.http.delete(f"/v1/jobs/{job_id}/data")
    assert deleted.status_code == 200
    assert deleted.json()["had_input"]
    assert deleted.json()["had_result"]
    result = await site.http.get(f"/v1/jobs/{job_id}/result")
    assert (result.status_code, result.json()["error_code"]) == (410, "RESULT_EXPIRED")
    shown = await site.http.get(f"/v1/jobs/{job_id}")
    assert shown.status_code == 200
    assert "sky" not in shown.text
    async with site.with_key(await site.key()) as other:
        foreign = await other.delete(f"/v1/jobs/{job_id}/data")
        assert (foreign.status_code, foreign.json()["error_code"]) == (404, "JOB_NOT_FOUND")
