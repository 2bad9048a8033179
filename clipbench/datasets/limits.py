"""Bounds on the bytes that a reader holds in memory. Larger parts are refused, not read."""

MAX_IMAGE_BYTES = 64 * 1024 * 1024
MAX_CAPTIONS_BYTES = 1024 * 1024  # all captions of one image
MAX_LABEL_BYTES = 1024 * 1024  # a `.cls` or `.npy` member
MAX_METADATA_BYTES = 16 * 1024 * 1024  # classnames.txt and its neighbours
MAX_QRELS_BYTES = 256 * 1024 * 1024  # of all judgements, or of all queries
MAX_TAR_HEADER_BYTES = 1024 * 1024  # a pax or GNU long-name header
MAX_ZIP_DIRECTORY_BYTES = 64 * 1024 * 1024  # of the names of an archive's members
