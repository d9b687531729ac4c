"""The parts of the clients that block, each a table of calls."""

from aitbc.calls import artifacts, chain, clients, jobs_2024, receipts
from aitbc.methods import Resource, blocking, iterated


class Jobs(Resource):
    """Jobs, version 2024-01-01."""

    create = blocking(jobs_2024.create)
    get = blocking(jobs_2024.get)
    list = blocking(jobs_2024.list_)
    iterate = iterated(jobs_2024.iterate)
    wait = blocking(jobs_2024.wait)
    watch = iterated(jobs_2024.watch_)
    get_results = blocking(jobs_2024.get_results)
    cancel = blocking(jobs_2024.cancel)


class Receipts(Resource):
    """The miners' signed statements."""

    get = blocking(receipts.get_receipt)
    list = blocking(receipts.list_receipts)
    transaction = blocking(receipts.get_receipt_transaction)
    verify = blocking(receipts.verify)
    check = blocking(receipts.check)


class Artifacts(Resource):
    """Files that jobs take and give."""

    upload = blocking(artifacts.upload_artifact)
    download = blocking(artifacts.download_artifact)


class Me(Resource):
    """The caller itself."""

    register = blocking(clients.register)
    get = blocking(clients.me)


class Keys(Resource):
    """The caller's keys."""

    create = blocking(clients.create_key)
    list = blocking(clients.list_keys)
    revoke = blocking(clients.revoke_key)


class Chain(Resource):
    """The chain."""

    status = blocking(chain.chain_status)
    parameters = blocking(chain.chain_parameters)
    time_ms = blocking(chain.chain_time_ms)
    tags = blocking(chain.chain_tags)
    validators = blocking(chain.get_validators)
    ballots = blocking(chain.list_ballots)
    ballot = blocking(chain.get_ballot)
    account = blocking(chain.get_account)
    transaction = blocking(chain.get_transaction)
    send = blocking(chain.send_transaction)
