"""Settings: reading, checking, watching and saving config.yaml."""
