"""Request logs: one file per request, with what the client, the upstreams and we said (logging.md 7-12)."""
