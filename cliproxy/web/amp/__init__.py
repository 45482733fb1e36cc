"""Amp's clients: model calls from local accounts where possible, everything else through to Amp's own server."""
