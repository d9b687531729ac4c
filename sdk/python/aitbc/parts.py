"""The parts of the clients that block, each a table of calls."""

from aitbc.calls import (
    accounts,
    artifacts,
    chain,
    clients,
    events,
    jobs,
    jobs_2024,
    market,
    proofs,
    receipts,
    services,
    settlement,
    transfers,
    webhooks,
)
from aitbc.methods import Resource, blocking, iterated


class Jobs(Resource):
    """Jobs, version 2024-01-01."""

    create = blocking(jobs_2024.create)
    quote = blocking(jobs_2024.quote)
    get = blocking(jobs_2024.get)
    list = blocking(jobs_2024.list_)
    iterate = iterated(jobs_2024.iterate)
    wait = blocking(jobs_2024.wait)
    watch = iterated(jobs_2024.watch_)
    stream = iterated(events.stream_job)
    listen = iterated(events.listen_to_job)
    get_results = blocking(jobs_2024.get_results)
    cancel = blocking(jobs_2024.cancel)
    payment = blocking(jobs.get_payment)
    dispute_receipt = blocking(settlement.dispute_receipt)
    accept_receipt = blocking(settlement.accept_receipt)
    delete_data = blocking(jobs.delete_job_data)


class Receipts(Resource):
    """The miners' signed statements."""

    get = blocking(receipts.get_receipt)
    list = blocking(receipts.list_receipts)
    transaction = blocking(receipts.get_receipt_transaction)
    verify = blocking(receipts.verify)
    check = blocking(receipts.check)


class Proofs(Resource):
    """What can be proved to anybody, fetched and checked here (``docs/proofs.md``)."""

    document = blocking(proofs.document)
    receipt = blocking(proofs.receipt)
    transaction = blocking(proofs.transaction)
    outcome = blocking(proofs.outcome)
    account = blocking(proofs.account)
    validators = blocking(proofs.validators)


class Artifacts(Resource):
    """Files that jobs take and give."""

    upload = blocking(artifacts.upload_artifact)
    download = blocking(artifacts.download_artifact)
    list = blocking(artifacts.list_artifacts)
    delete = blocking(artifacts.delete_artifact)


class Me(Resource):
    """The caller itself."""

    register = blocking(clients.register)
    get = blocking(clients.me)
    balance = blocking(accounts.get_balance)


class Keys(Resource):
    """The caller's keys."""

    create = blocking(clients.create_key)
    list = blocking(clients.list_keys)
    rotate = blocking(clients.rotate_key)
    usage = blocking(clients.get_key_use)
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
    follow_blocks = iterated(chain.follow_blocks)
    follow_transaction = iterated(chain.follow_transaction)


class Statements(Resource):
    """What came and went on the caller's accounts."""

    get = blocking(accounts.get_statement)
    lines = iterated(accounts.iterate_statement)
    csv = iterated(accounts.iterate_statement_csv)


class Transfers(Resource):
    """Units sent from wallets that the coordinator keeps."""

    send = blocking(transfers.send)
    get = blocking(transfers.get)
    iterate = iterated(transfers.iterate)


class Registry(Resource):
    """The services that jobs may ask for."""

    list = blocking(services.list_services)
    get = blocking(services.get_service)
    schema = blocking(services.get_schema)
    requirements = blocking(services.get_requirements)
    validate = blocking(services.validate)


class Services(Resource):
    """Orders of services; each makes a job."""

    whisper_transcribe = blocking(services.whisper_transcribe)
    stable_diffusion_generate = blocking(services.stable_diffusion_generate)
    llm_inference = blocking(services.llm_inference)
    ffmpeg_transcode = blocking(services.ffmpeg_transcode)
    blender_render = blocking(services.blender_render)


class Webhooks(Resource):
    """Where the node tells what happened to jobs."""

    create = blocking(webhooks.create_webhook)
    list = blocking(webhooks.list_webhooks)
    get = blocking(webhooks.get_webhook)
    change = blocking(webhooks.change_webhook)
    delete = blocking(webhooks.delete_webhook)
    test = blocking(webhooks.send_test)
    deliveries = blocking(webhooks.list_deliveries)
    redeliver = blocking(webhooks.redeliver)


class Offers(Resource):
    """Offers of miners, and acceptances."""

    create = blocking(market.create_offer)
    list = blocking(market.list_offers)
    iterate = iterated(market.iterate_offers)
    get = blocking(market.get_offer)
    accept = blocking(market.accept_offer)
    withdraw = blocking(market.withdraw_offer)
    stats = blocking(market.get_marketplace_stats)


class Miners(Resource):
    """Who does the work."""

    list = blocking(market.list_miners)
    get = blocking(market.get_miner)
    stats = blocking(market.get_miner_stats)


class Network(Resource):
    """The node, and the network around it."""

    health = blocking(market.get_health)
    stats = blocking(market.get_network_stats)
