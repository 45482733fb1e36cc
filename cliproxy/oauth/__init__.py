"""Logins: one flow per provider, shared by the command line and the web."""
