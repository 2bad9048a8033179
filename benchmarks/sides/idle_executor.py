"""What Jina loads by `idle_encoder.yml`: the product's Executor, made to take the idle encoder.

A file of its own, since importing it changes the process.
"""

from benchmarks.sides.idle_encoder import IdleEncoder
from clipbench.executors.encoder import executor

executor.Encoder = IdleEncoder
