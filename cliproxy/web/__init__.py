"""Flask blueprints: the HTTP side towards the clients."""
