"""Routes of retention: an owner deletes the content of a job."""

from typing import Final

from litestar import Response, delete
from litestar.params import FromPath

from coordinator.errors import JobNotFound
from coordinator.http import (
    Answer,
    HttpRequest,
    Operation,
    answer,
    declared,
    exchange_of,
    same,
)
from coordinator.http.context import Given
from coordinator.http.operation import CLIENT
from coordinator.retention.errors import JobNotFinished
from coordinator.retention.schemas import DeletedData, deleted_view
from coordinator.wire import parse_job_id

DELETE_DATA: Final = Operation(
    summary="Delete the input and result of a job",
    tag="Jobs",
    access=CLIENT,
    description="Deletes input, result and files of a job that ended, before their time. The job "
    "itself, its payment and its receipt stay. Deleting again changes nothing.",
    answers={200: Answer("Deleted", same(DeletedData))},
    errors=(JobNotFound, JobNotFinished),
)


@delete("/v1/jobs/{job_id:str}/data", status_code=200, opt=declared(DELETE_DATA))
async def delete_data(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Delete the content of a job."""
    done = await context.services.retention.delete(
        exchange_of(request).caller, parse_job_id(job_id)
    )
    return answer(request, deleted_view(done))


HANDLERS: Final = (delete_data,)
"""The routes of this slice."""
