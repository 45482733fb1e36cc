"""Upstreams: one executor per kind of service, and the HTTP transport under them."""
