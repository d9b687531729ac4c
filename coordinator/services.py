"""All services of one coordinator, and how they are put together."""

import asyncio
import contextlib
from dataclasses import dataclass, field

from coordinator.accounts.service import AccountService
from coordinator.artifacts.service import ArtifactService
from coordinator.artifacts.uploads import UploadService
from coordinator.chat.service import ChatService
from coordinator.clients.service import ClientService
from coordinator.config import CoordinatorConfig
from coordinator.core import Core
from coordinator.database import Database, DatabaseClosed
from coordinator.duties import Duties
from coordinator.events.service import EventParts, build_events
from coordinator.follower import Follower
from coordinator.idempotency import Idempotency
from coordinator.invariants import InvariantReport, check_invariants
from coordinator.jobs.service import JobService
from coordinator.jobs.views import JobViews
from coordinator.leases.roster import Roster
from coordinator.leases.service import LeaseService
from coordinator.marketplace.service import MarketplaceService
from coordinator.miners.presence import Presence
from coordinator.miners.service import MinerService
from coordinator.moment import Clock, Moments, RandomBytes, system_clock, system_random
from coordinator.outbox import Courier, Signer
from coordinator.ports import Chain
from coordinator.quotes.service import QuoteService
from coordinator.receipts.service import ReceiptService
from coordinator.registry import ServiceRegistry
from coordinator.retention.service import RetentionService
from coordinator.stats.service import StatsService
from coordinator.sweeper import Sweeper
from coordinator.transfers.service import TransferService
from coordinator.wallets import Faucet, open_vault
from coordinator.webhooks.service import WebhookService
from coordinator.workers import Condition, Watch
from ledger.store import IndexReader, StoreFailed


@dataclass(frozen=True)
class Services:
    """What routes and pages are given."""

    jobs: JobService
    """The client's side of jobs."""
    quotes: QuoteService
    """What jobs would cost, and whether they are possible."""
    leases: LeaseService
    """The miner's side of jobs."""
    miners: MinerService
    """Who may work."""
    receipts: ReceiptService
    """Public receipts."""
    clients: ClientService
    """Who may call."""
    accounts: AccountService
    """What clients have."""
    transfers: TransferService
    """What clients send."""
    artifacts: ArtifactService
    """Files."""
    uploads: UploadService
    """Files that come in pieces."""
    retention: RetentionService
    """How long the content of jobs is kept."""
    registry: ServiceRegistry
    """What may be asked for."""
    marketplace: MarketplaceService
    """Offers."""
    stats: StatsService
    """Counts."""
    chat: ChatService
    """Chats, as OpenAI's clients know them."""
    events: EventParts
    """What clients are told as it happens."""
    webhooks: WebhookService
    """Whom to tell of ends of jobs."""
    idempotency: Idempotency
    """What was done under which `Idempotency-Key`."""
    core: Core
    """What they stand on."""
    sweeper: Sweeper
    """Finds what is overdue."""
    watch: Watch
    """Knows which of the workers fail."""
    workers: list["asyncio.Task[None]"] = field(default_factory=list)
    """Background tasks while they run."""

    async def start(self) -> None:
        """Catch up with the chain, then run the background workers until `stop`.

        Raises:
            DatabaseOfAnotherChain: the database follows another chain.
            ChainIncomplete: it would need blocks that the node does not hold.
        """
        await self.core.follower.attach()
        await self.core.follower.catch_up()
        await self.core.courier.begin()
        await self.sweeper.begin()
        for name, run in (
            ("follower", self.core.follower.run),
            ("courier", self.core.courier.run),
            ("sweeper", lambda _: self.sweeper.run()),
            ("webhooks", self.webhooks.dispatcher.run),
            ("events", self.events.hub.run),
        ):
            self.workers.append(asyncio.create_task(self.watch.keep_running(name, run), name=name))
        await self.clients.ensure_operator()
        if self.core.config.is_devnet:
            await self.clients.ensure_demo()

    async def until_failure(self) -> None:
        """Wait until the database fails for good; the node has to end then.

        Raises:
            StoreFailed: why. It never returns otherwise.
        """
        await self.core.database.until_failure()

    def release_waiting(self) -> None:
        """Answer requests that wait for something to happen, so that the node can stop."""
        self.core.follower.queue.close()
        self.core.follower.jobs.close()
        self.events.hub.close()

    async def stop(self) -> None:
        """End the workers and close the database; what was begun is durable."""
        for worker in self.workers:
            worker.cancel()
        await asyncio.gather(*self.workers, return_exceptions=True)
        self.workers.clear()
        await self.core.follower.finish()
        await self.chat.stop()
        self.webhooks.close()
        with contextlib.suppress(DatabaseClosed, StoreFailed):
            await self.clients.usage.flush()
        await asyncio.to_thread(self.core.database.close)

    def condition(self) -> Condition:
        """Return how far the chain is followed, and what fails of the background work."""
        return Condition(self.core.follower.followed, self.watch.failing)

    async def invariants(self) -> InvariantReport:
        """Compare the coordinator's tables with the chain."""
        return await check_invariants(self.core)


def build_services(
    config: CoordinatorConfig,
    chain: Chain,
    index: IndexReader,
    *,
    clock: Clock = system_clock,
    random_bytes: RandomBytes = system_random,
) -> Services:
    """Open the database and build the services; `Services.start` sets them to work.

    Call it on the event loop that the services will run on.

    Args:
        config: settings and keys.
        chain: the node.
        index: the index of the node's chain; its owner closes it.
        clock: the time.
        random_bytes: unpredictable bytes.

    Raises:
        DatabaseTooNew: a newer version of this program wrote the database.
        StoreUnusable: the database cannot be used; a subclass that says what to do.
        VaultError: the wrapping key is missing, is another database's, may be read by others, or
            is damaged; a subclass that says what to do.
    """
    core = _core(config, chain, clock, random_bytes)
    views, presence, roster = JobViews(), Presence(), Roster(core.registry)
    receipts, artifacts = ReceiptService(core, index), ArtifactService(core)
    jobs, uploads = JobService(core, views, roster), UploadService(core, artifacts)
    retention = RetentionService(core, jobs, artifacts, core.events.texts.forget)
    clients = ClientService(core)
    idempotency = Idempotency(core.database, core.vault, core.moments)
    webhooks, watch = WebhookService(core), Watch(clock)
    return Services(
        jobs=jobs,
        quotes=QuoteService(core, roster, presence),
        leases=LeaseService(core, views, receipts, presence),
        miners=MinerService(core, presence),
        receipts=receipts,
        clients=clients,
        accounts=AccountService(core),
        transfers=TransferService(core),
        artifacts=artifacts,
        uploads=uploads,
        retention=retention,
        registry=core.registry,
        marketplace=MarketplaceService(core),
        stats=StatsService(core, index),
        chat=ChatService(core, jobs, roster),
        events=core.events,
        webhooks=webhooks,
        idempotency=idempotency,
        core=core,
        sweeper=Sweeper(
            core,
            watch,
            each_time=(clients.usage.flush,),
            each_minute=(
                retention.sweep,
                artifacts.sweep,
                uploads.sweep,
                idempotency.forget_old,
                webhooks.dispatcher.forget_old,
                webhooks.dispatcher.bound_backlogs,
                core.events.hub.prune,
            ),
        ),
        watch=watch,
    )


def _core(config: CoordinatorConfig, chain: Chain, clock: Clock, random_bytes: RandomBytes) -> Core:
    database = Database(config.database_url)
    try:
        vault = open_vault(database, config.wrapping_key_path, random_bytes)
    except BaseException:
        database.close()
        raise
    moments = Moments(chain, clock)
    signer = Signer(chain.chain_id, chain.tags, random_bytes)
    courier = Courier(database, chain, config.timings.resend_s)
    duties = Duties(config.account_key, vault, signer, config.timings)
    events = build_events(database, clock=clock, random_bytes=random_bytes, limits=config.streams)
    follower = Follower(
        database=database,
        chain=chain,
        moments=moments,
        duties=duties,
        courier=courier,
        events=events.hub,
        coordinator=config.account_key.address,
    )
    return Core(
        config=config,
        chain=chain,
        database=database,
        moments=moments,
        random_bytes=random_bytes,
        signer=signer,
        courier=courier,
        duties=duties,
        follower=follower,
        vault=vault,
        registry=ServiceRegistry(),
        faucet=_faucet(config, signer),
        events=events,
    )


def _faucet(config: CoordinatorConfig, signer: Signer) -> Faucet | None:
    if config.faucet_key is None or not config.is_devnet:
        return None
    validity_ms = config.timings.transaction_validity_ms
    return Faucet(config.faucet_key, config.faucet_amount, validity_ms, signer)
