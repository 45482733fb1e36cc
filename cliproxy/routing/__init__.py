"""Which models exist, and which providers serve a name."""
