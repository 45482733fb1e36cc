"""Where credential files live."""
