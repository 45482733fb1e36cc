"""Old place of ``cliproxy.masking``."""

from cliproxy.masking import mask_header, mask_key, mask_query, redact_proxy

__all__ = ["mask_header", "mask_key", "mask_query", "redact_proxy"]
