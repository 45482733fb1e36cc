"""Credentials: which one answers a call, and what becomes of it afterwards."""
