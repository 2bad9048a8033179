"""What each process of the Flow measures of itself, and how Prometheus gets it.

    metrics = Metrics("encoder")
    start_exporter(9465, "encoder")

The profiler Executor serves a `Flow` instead: all processes' series, and totals.
"""

from clipbench.profiling.exporter import Exporter, start_exporter
from clipbench.profiling.flow import Flow
from clipbench.profiling.gpu import GpuReading, read_gpus
from clipbench.profiling.logs import JsonLines, log_json_lines
from clipbench.profiling.memory import ProcessMemory, memory_limit, process_memory
from clipbench.profiling.metrics import Metrics
from clipbench.profiling.peers import Peer, parse_peers
from clipbench.profiling.statistics import ProcessStatistics, Statistics

__all__ = [
    "Exporter",
    "Flow",
    "GpuReading",
    "JsonLines",
    "Metrics",
    "Peer",
    "ProcessMemory",
    "ProcessStatistics",
    "Statistics",
    "log_json_lines",
    "memory_limit",
    "parse_peers",
    "process_memory",
    "read_gpus",
    "start_exporter",
]
