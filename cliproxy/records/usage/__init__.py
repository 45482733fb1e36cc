"""Usage: one record per upstream attempt (logging.md 15), a queue, and statistics in SQLite (16)."""

from cliproxy.records.usage.queue import UsageQueue
from cliproxy.records.usage.record import ClientRequest, Tokens, UsageRecord, UsageSink
from cliproxy.records.usage.statistics import UsageStatistics
from cliproxy.records.usage.store import UsageStore, database_path

__all__ = [
    "ClientRequest", "Tokens", "UsageQueue", "UsageRecord", "UsageSink", "UsageStatistics", "UsageStore",
    "database_path",
]  # fmt: skip
