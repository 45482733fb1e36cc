"""The WSGI entry point: ``gunicorn -k gevent wsgi:app``."""

from cliproxy.app import create_app

app = create_app()
