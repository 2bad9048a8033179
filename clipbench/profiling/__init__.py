"""The metrics of the Flow's processes, and the endpoints where Prometheus reads them.

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
from clipbench.profiling.statistics import FlowStatistics, ProcessStatistics

__all__ = [
    "Exporter",
    "Flow",
    "FlowStatistics",
    "GpuReading",
    "JsonLines",
    "Metrics",
    "Peer",
    "ProcessMemory",
    "ProcessStatistics",
    "log_json_lines",
    "memory_limit",
    "parse_peers",
    "process_memory",
    "read_gpus",
    "start_exporter",
]
