"""The OpenAPI description of the management API, written down group by group, and the page made from it."""
