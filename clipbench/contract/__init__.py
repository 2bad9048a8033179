"""The wire contract between client and server. `docs/contract.md` is the same in words."""

from clipbench.contract.outcomes import Reason, Refusal

__all__ = ["Reason", "Refusal"]
