"""The tables that hold a job's state, the same for SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql

metadata = MetaData()

# compared byte by byte, as SQLite does: the order must not depend on a database's language
_Id = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _job_key() -> Column[int]:
    return Column("job", Integer, ForeignKey("jobs.key", ondelete="CASCADE"), nullable=False)


jobs = Table(
    "jobs",
    metadata,
    Column("key", Integer, primary_key=True, autoincrement=True),
    Column("task", String(32), nullable=False),
    Column("id", String(128), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("spec", Text, nullable=False),  # JSON of the open request's parameters
    Column("model", Text, nullable=False),  # JSON of the encoder's description of the model
    Column("class_names", Text, nullable=False),  # JSON list, label order
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("updated", Float, nullable=False),
    Column("result", Text),  # JSON, null until asked for and after every change
    UniqueConstraint("task", "id"),
    # a deleted job's key is never used again, since processes may still cache its counts
    sqlite_autoincrement=True,
)

# one row a counted document
documents = Table(
    "documents",
    metadata,
    _job_key(),
    Column("kind", String(8), nullable=False),
    Column("id", _Id, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("labels", Text, nullable=False),  # JSON list; in retrieval judgements: [[id, grade], …]
    Column("image_id", Text, nullable=False),  # the image that a text describes; empty for an image
    Column("groups", Text, nullable=False, default=""),  # JSON object of an image's; or empty
    # float32, normalised: of retrieval, of several labels, and where thresholds are asked for
    Column("embedding", LargeBinary),
    Column("rank", BigInteger),  # 1-based; null until known
    Column("best", Text),  # JSON list of the best classes, or of the ranks of the judgements
    Column("near_tie", Boolean, nullable=False, default=False),
    Column("scores", Text),  # JSON object of `confidence` and `hits`, of thresholds
    Column("shares", Text),  # JSON list: of the draws of labelled images that had it right
    PrimaryKeyConstraint("job", "kind", "id"),
)
Index("documents_in_order", documents.c.job, documents.c.kind, documents.c.position, documents.c.id)

refusals = Table(
    "refusals",
    metadata,
    _job_key(),
    Column("kind", String(8), nullable=False),
    Column("id", _Id, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("job", "kind", "id", "position"),
)

prompts = Table(
    "prompts",
    metadata,
    _job_key(),
    Column("class_index", Integer, nullable=False),
    Column("template_index", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("embedding", LargeBinary, nullable=False),  # float32, as the model gives it
    PrimaryKeyConstraint("job", "class_index", "template_index"),
)

# shards of a retrieval result that is being counted (clipbench.jobs.shards)
shards = Table(
    "shards",
    metadata,
    _job_key(),
    Column("part", Integer, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("revision", Float, nullable=False),  # `updated` of the job that is counted
    Column("counts", LargeBinary),  # null until counted
    PrimaryKeyConstraint("job", "part"),
)
