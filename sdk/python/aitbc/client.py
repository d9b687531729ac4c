"""The clients that block: `Client` (version 2026-05-11) and `AITBCClient` (version 2024-01-01).

A client opens no connection until it is used, and no call waits longer than it states.
"""

from types import TracebackType
from typing import Self

from aitbc.calls import artifacts, chain, events, jobs, jobs_2024, receipts, settlement
from aitbc.exchange import RetryPolicy, session_of
from aitbc.http import Transport
from aitbc.methods import Resource, blocking, iterated
from aitbc.parts import (
    Artifacts,
    Chain,
    Jobs,
    Keys,
    Me,
    Miners,
    Network,
    Offers,
    Proofs,
    Receipts,
    Registry,
    Services,
    Statements,
    Transfers,
    Webhooks,
)


class BlockingClient(Resource):
    """What both clients have: their parts, and an end.

    Args:
        api_key: key to send; a loopback devnet needs none.
        base_url: address of the node, such as ``http://localhost:8011``; when None the variable
            ``AITBC_BASE_URL`` names it, else it is the production address.
        timeout_s: limit of each exchange; calls that wait state their own.
        retry: how exchanges are repeated.

    Every method raises `ApiError` when the node answers with an error and `ConnectionFailed` when
    it does not answer. A client may be used by several threads.
    """

    _version: str

    listen = iterated(events.listen)

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        session = session_of(base_url, api_key, self._version, timeout_s, retry)
        super().__init__(Transport(session))
        self.artifacts = Artifacts(self.http)
        self.chain = Chain(self.http)
        self.keys = Keys(self.http)
        self.me = Me(self.http)
        self.miners = Miners(self.http)
        self.network = Network(self.http)
        self.offers = Offers(self.http)
        self.proofs = Proofs(self.http)
        self.receipts = Receipts(self.http)
        self.registry = Registry(self.http)
        self.services = Services(self.http)
        self.statements = Statements(self.http)
        self.transfers = Transfers(self.http)
        self.webhooks = Webhooks(self.http)

    def __enter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close open connections."""
        self.close()

    def close(self) -> None:
        """Close open connections."""
        self.http.close()


class AITBCClient(BlockingClient):
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
        self.jobs = Jobs(self.http)


class Client(BlockingClient):
    """A client whose jobs are those of version 2026-05-11, in its own methods."""

    _version = jobs.API_VERSION

    submit_job = blocking(jobs.submit_job)
    quote_job = blocking(jobs.quote_job)
    get_job = blocking(jobs.get_job)
    list_jobs = blocking(jobs.list_jobs)
    iterate_jobs = iterated(jobs.iterate_jobs)
    wait_for_job = blocking(jobs.wait_for_job)
    watch_job = iterated(jobs.watch_job)
    stream_job = iterated(events.stream_job)
    listen_to_job = iterated(events.listen_to_job)
    get_job_result = blocking(jobs.get_job_result)
    cancel_job = blocking(jobs.cancel_job)
    dispute_receipt = blocking(settlement.dispute_receipt)
    accept_receipt = blocking(settlement.accept_receipt)
    delete_job_data = blocking(jobs.delete_job_data)
    get_payment = blocking(jobs.get_payment)
    list_receipts_of_job = blocking(jobs.list_receipts_of_job)
    get_receipt = blocking(receipts.get_receipt)

    upload_artifact = blocking(artifacts.upload_artifact)
    download_artifact = blocking(artifacts.download_artifact)

    chain_status = blocking(chain.chain_status)
    chain_parameters = blocking(chain.chain_parameters)
    chain_time_ms = blocking(chain.chain_time_ms)
    chain_tags = blocking(chain.chain_tags)
    get_validators = blocking(chain.get_validators)
    list_ballots = blocking(chain.list_ballots)
    get_ballot = blocking(chain.get_ballot)
    get_account = blocking(chain.get_account)
    get_transaction = blocking(chain.get_transaction)
    send_transaction = blocking(chain.send_transaction)
