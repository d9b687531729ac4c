"""The parts of the asynchronous clients, each a table of calls."""

from aitbc.calls import artifacts, chain, clients, jobs_2024, receipts
from aitbc.methods import AsyncResource, awaited, iterated_async


class AsyncJobs(AsyncResource):
    """Jobs, version 2024-01-01."""

    create = awaited(jobs_2024.create)
    get = awaited(jobs_2024.get)
    list = awaited(jobs_2024.list_)
    iterate = iterated_async(jobs_2024.iterate)
    wait = awaited(jobs_2024.wait)
    watch = iterated_async(jobs_2024.watch_)
    get_results = awaited(jobs_2024.get_results)
    cancel = awaited(jobs_2024.cancel)


class AsyncReceipts(AsyncResource):
    """The miners' signed statements."""

    get = awaited(receipts.get_receipt)
    list = awaited(receipts.list_receipts)
    transaction = awaited(receipts.get_receipt_transaction)
    verify = awaited(receipts.verify)
    check = awaited(receipts.check)


class AsyncArtifacts(AsyncResource):
    """Files that jobs take and give."""

    upload = awaited(artifacts.upload_artifact)
    download = awaited(artifacts.download_artifact)


class AsyncMe(AsyncResource):
    """The caller itself."""

    register = awaited(clients.register)
    get = awaited(clients.me)


class AsyncKeys(AsyncResource):
    """The caller's keys."""

    create = awaited(clients.create_key)
    list = awaited(clients.list_keys)
    revoke = awaited(clients.revoke_key)


class AsyncChain(AsyncResource):
    """The chain."""

    status = awaited(chain.chain_status)
    parameters = awaited(chain.chain_parameters)
    time_ms = awaited(chain.chain_time_ms)
    tags = awaited(chain.chain_tags)
    validators = awaited(chain.get_validators)
    ballots = awaited(chain.list_ballots)
    ballot = awaited(chain.get_ballot)
    account = awaited(chain.get_account)
    transaction = awaited(chain.get_transaction)
    send = awaited(chain.send_transaction)
