"""How a person logs in: one flow per provider, used by the command line and the web login (oauth-login.md).

A flow has no prompts, no prints and no waiting in it: ``start`` says where the person must go, ``finish`` makes a token
file of what came back. Who drives it shows, asks and waits.
"""
