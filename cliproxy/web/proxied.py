"""The response that is somebody else's answer."""

from __future__ import annotations

from typing import Any

from flask import Response


class ProxiedResponse(Response):
    """Its headers go out as they are: werkzeug adds and corrects none, ours do not replace them."""

    def get_wsgi_headers(self, environ: Any) -> Any:
        """The headers as they are."""
        return self.headers
