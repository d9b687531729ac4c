"""The parts of the asynchronous clients, each a table of calls."""

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
from aitbc.methods import AsyncResource, awaited, iterated_async


class AsyncJobs(AsyncResource):
    """Jobs, version 2024-01-01."""

    create = awaited(jobs_2024.create)
    quote = awaited(jobs_2024.quote)
    get = awaited(jobs_2024.get)
    list = awaited(jobs_2024.list_)
    iterate = iterated_async(jobs_2024.iterate)
    wait = awaited(jobs_2024.wait)
    watch = iterated_async(jobs_2024.watch_)
    stream = iterated_async(events.stream_job)
    listen = iterated_async(events.listen_to_job)
    get_results = awaited(jobs_2024.get_results)
    cancel = awaited(jobs_2024.cancel)
    payment = awaited(jobs.get_payment)
    dispute_receipt = awaited(settlement.dispute_receipt)
    accept_receipt = awaited(settlement.accept_receipt)
    delete_data = awaited(jobs.delete_job_data)


class AsyncReceipts(AsyncResource):
    """The miners' signed statements."""

    get = awaited(receipts.get_receipt)
    list = awaited(receipts.list_receipts)
    transaction = awaited(receipts.get_receipt_transaction)
    verify = awaited(receipts.verify)
    check = awaited(receipts.check)


class AsyncProofs(AsyncResource):
    """What can be proved to anybody, fetched and checked here (``docs/proofs.md``)."""

    document = awaited(proofs.document)
    receipt = awaited(proofs.receipt)
    transaction = awaited(proofs.transaction)
    outcome = awaited(proofs.outcome)
    account = awaited(proofs.account)
    validators = awaited(proofs.validators)


class AsyncArtifacts(AsyncResource):
    """Files that jobs take and give."""

    upload = awaited(artifacts.upload_artifact)
    download = awaited(artifacts.download_artifact)
    list = awaited(artifacts.list_artifacts)
    delete = awaited(artifacts.delete_artifact)


class AsyncMe(AsyncResource):
    """The caller itself."""

    register = awaited(clients.register)
    get = awaited(clients.me)
    balance = awaited(accounts.get_balance)


class AsyncKeys(AsyncResource):
    """The caller's keys."""

    create = awaited(clients.create_key)
    list = awaited(clients.list_keys)
    rotate = awaited(clients.rotate_key)
    usage = awaited(clients.get_key_use)
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
    follow_blocks = iterated_async(chain.follow_blocks)
    follow_transaction = iterated_async(chain.follow_transaction)


class AsyncStatements(AsyncResource):
    """What came and went on the caller's accounts."""

    get = awaited(accounts.get_statement)
    lines = iterated_async(accounts.iterate_statement)
    csv = iterated_async(accounts.iterate_statement_csv)


class AsyncTransfers(AsyncResource):
    """Units sent from wallets that the coordinator keeps."""

    send = awaited(transfers.send)
    get = awaited(transfers.get)
    iterate = iterated_async(transfers.iterate)


class AsyncRegistry(AsyncResource):
    """The services that jobs may ask for."""

    list = awaited(services.list_services)
    get = awaited(services.get_service)
    schema = awaited(services.get_schema)
    requirements = awaited(services.get_requirements)
    validate = awaited(services.validate)


class AsyncServices(AsyncResource):
    """Orders of services; each makes a job."""

    whisper_transcribe = awaited(services.whisper_transcribe)
    stable_diffusion_generate = awaited(services.stable_diffusion_generate)
    llm_inference = awaited(services.llm_inference)
    ffmpeg_transcode = awaited(services.ffmpeg_transcode)
    blender_render = awaited(services.blender_render)


class AsyncWebhooks(AsyncResource):
    """Where the node tells what happened to jobs."""

    create = awaited(webhooks.create_webhook)
    list = awaited(webhooks.list_webhooks)
    get = awaited(webhooks.get_webhook)
    change = awaited(webhooks.change_webhook)
    delete = awaited(webhooks.delete_webhook)
    test = awaited(webhooks.send_test)
    deliveries = awaited(webhooks.list_deliveries)
    redeliver = awaited(webhooks.redeliver)


class AsyncOffers(AsyncResource):
    """Offers of miners, and acceptances."""

    create = awaited(market.create_offer)
    list = awaited(market.list_offers)
    iterate = iterated_async(market.iterate_offers)
    get = awaited(market.get_offer)
    accept = awaited(market.accept_offer)
    withdraw = awaited(market.withdraw_offer)
    stats = awaited(market.get_marketplace_stats)


class AsyncMiners(AsyncResource):
    """Who does the work."""

    list = awaited(market.list_miners)
    get = awaited(market.get_miner)
    stats = awaited(market.get_miner_stats)


class AsyncNetwork(AsyncResource):
    """The node, and the network around it."""

    health = awaited(market.get_health)
    stats = awaited(market.get_network_stats)
