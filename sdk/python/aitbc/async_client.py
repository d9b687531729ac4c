"""The asynchronous clients: `AsyncClient` and `AsyncAITBCClient`, the twins of those that block."""

from types import TracebackType
from typing import Self

from aitbc.async_parts import (
    AsyncArtifacts,
    AsyncChain,
    AsyncJobs,
    AsyncKeys,
    AsyncMe,
    AsyncMiners,
    AsyncNetwork,
    AsyncOffers,
    AsyncProofs,
    AsyncReceipts,
    AsyncRegistry,
    AsyncServices,
    AsyncStatements,
    AsyncTransfers,
    AsyncWebhooks,
)
from aitbc.calls import artifacts, chain, events, jobs, jobs_2024, receipts, settlement
from aitbc.exchange import RetryPolicy, session_of
from aitbc.http_async import AsyncTransport
from aitbc.methods import AsyncResource, awaited, iterated_async


class AwaitedClient(AsyncResource):
    """What both clients have: their parts, and an end.

    Args:
        api_key: key to send; a loopback devnet needs none.
        base_url: address of the node, such as ``http://localhost:8011``; when None the variable
            ``AITBC_BASE_URL`` names it, else it is the production address.
        timeout_s: limit of each exchange; calls that wait state their own.
        retry: how exchanges are repeated.

    Every method raises `ApiError` when the node answers with an error and `ConnectionFailed` when
    it does not answer. A client belongs to the event loop that uses it.
    """

    _version: str

    listen = iterated_async(events.listen)

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        session = session_of(base_url, api_key, self._version, timeout_s, retry)
        super().__init__(AsyncTransport(session))
        self.artifacts = AsyncArtifacts(self.http)
        self.chain = AsyncChain(self.http)
        self.keys = AsyncKeys(self.http)
        self.me = AsyncMe(self.http)
        self.miners = AsyncMiners(self.http)
        self.network = AsyncNetwork(self.http)
        self.offers = AsyncOffers(self.http)
        self.proofs = AsyncProofs(self.http)
        self.receipts = AsyncReceipts(self.http)
        self.registry = AsyncRegistry(self.http)
        self.services = AsyncServices(self.http)
        self.statements = AsyncStatements(self.http)
        self.transfers = AsyncTransfers(self.http)
        self.webhooks = AsyncWebhooks(self.http)

    async def __aenter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close open connections."""
        await self.close()

    async def close(self) -> None:
        """Close open connections."""
        await self.http.close()


class AsyncAITBCClient(AwaitedClient):
    """A client whose jobs are those of version 2024-01-01, in its part `jobs`."""

    _version = jobs_2024.API_VERSION

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        super().__init__(base_url, api_key, timeout_s=timeout_s, retry=retry)
        self.jobs = AsyncJobs(self.http)


class AsyncClient(AwaitedClient):
    """A client whose jobs are those of version 2026-05-11, in its own methods."""

    _version = jobs.API_VERSION

    submit_job = awaited(jobs.submit_job)
    quote_job = awaited(jobs.quote_job)
    get_job = awaited(jobs.get_job)
    list_jobs = awaited(jobs.list_jobs)
    iterate_jobs = iterated_async(jobs.iterate_jobs)
    wait_for_job = awaited(jobs.wait_for_job)
    watch_job = iterated_async(jobs.watch_job)
    stream_job = iterated_async(events.stream_job)
    listen_to_job = iterated_async(events.listen_to_job)
    get_job_result = awaited(jobs.get_job_result)
    cancel_job = awaited(jobs.cancel_job)
    dispute_receipt = awaited(settlement.dispute_receipt)
    accept_receipt = awaited(settlement.accept_receipt)
    delete_job_data = awaited(jobs.delete_job_data)
    get_payment = awaited(jobs.get_payment)
    list_receipts_of_job = awaited(jobs.list_receipts_of_job)
    get_receipt = awaited(receipts.get_receipt)

    upload_artifact = awaited(artifacts.upload_artifact)
    download_artifact = awaited(artifacts.download_artifact)

    chain_status = awaited(chain.chain_status)
    chain_parameters = awaited(chain.chain_parameters)
    chain_time_ms = awaited(chain.chain_time_ms)
    chain_tags = awaited(chain.chain_tags)
    get_validators = awaited(chain.get_validators)
    list_ballots = awaited(chain.list_ballots)
    get_ballot = awaited(chain.get_ballot)
    get_account = awaited(chain.get_account)
    get_transaction = awaited(chain.get_transaction)
    send_transaction = awaited(chain.send_transaction)
