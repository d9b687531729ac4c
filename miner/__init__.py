"""The miner: a client of the API that does the work and signs the receipts."""

__all__: list[str] = []
