"""The management API: who may use it."""
