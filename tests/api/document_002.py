"""What document 002 (version 2026-01-24) prints and names, for the tests of it."""

import re

PROMPT = {"prompt": "Explain quantum computing"}

PRINTED = {
    "prompt": "Explain quantum computing",
    "model": "llama3.2",
    "params": {"max_tokens": 256, "temperature": 0.7},
}
"""The body that document 004 prints."""

JOB_FIELDS = {
    "job_id",
    "status",
    "prompt",
    "model",
    "result",
    "miner_id",
    "created_at",
    "started_at",
    "completed_at",
}

RECEIPT_FIELDS = {
    "receipt_id",
    "job_id",
    "provider",
    "client",
    "units",
    "unit_type",
    "price",
    "model",
    "started_at",
    "completed_at",
    "signature",
}

WHOLE_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
