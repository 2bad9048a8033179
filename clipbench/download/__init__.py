"""One resumable, checked download, for weights and for data sets."""

from clipbench.download.digests import NOTHING_KNOWN, Digests, file_digest
from clipbench.download.files import Download, Progress, is_whole, recorded_sha256
from clipbench.download.transfer import Patience, Stamp, Transfer, new_client, shown

__all__ = [
    "NOTHING_KNOWN",
    "Digests",
    "Download",
    "Patience",
    "Progress",
    "Stamp",
    "Transfer",
    "file_digest",
    "is_whole",
    "new_client",
    "recorded_sha256",
    "shown",
]
