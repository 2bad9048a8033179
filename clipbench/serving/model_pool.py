"""Loaded models: each loads once, on first use; the least recently used is evicted first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from clipbench.errors import Unsupported
from clipbench.memory_trim import trim_memory


class Sized(Protocol):
    """Anything that occupies memory."""

    @property
    def bytes(self) -> int: ...


Item = TypeVar("Item", bound=Sized)


class Pool(Generic[Item]):
    """Items by key, at most `limit_bytes` at once (None is no limit); safe between threads.

    `load` gets a function `reserve`, which evicts others. It calls `reserve` with the item's size
    before it takes memory, so that the peak keeps to the limit as well. An item that is evicted
    while another thread uses it lives until that thread is done.
    """

    def __init__(self, limit_bytes: int | None) -> None:
        self._limit = limit_bytes
        self._items: OrderedDict[Hashable, Item] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, load: Callable[[Callable[[int], None]], Item]) -> Item:
        """The item of that key, loaded by the first who asks while others wait.

        Raises Unsupported when it is larger than the limit on its own, and what `load` raises.
        """
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key]
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:
            with self._lock:
                if key in self._items:
                    return self._items[key]
            item = load(self._reserve)
            self._reserve(item.bytes)
            with self._lock:
                self._items[key] = item
                self._loading.pop(key, None)
            trim_memory()  # of the evicted items, and of the loading
            return item

    def evict_others(self) -> bool:
        """Evict all but the most recently used item; False when there were no others."""
        with self._lock:
            others = list(self._items)[:-1]
            for key in others:
                del self._items[key]
        return bool(others)

    def evict_all(self) -> bool:
        """Evict every item; False when there were none."""
        with self._lock:
            had = bool(self._items)
            self._items.clear()
        return had

    def loaded(self) -> dict[Hashable, int]:
        """The bytes of each loaded item, the least recently used first."""
        with self._lock:
            return {key: item.bytes for key, item in self._items.items()}

    def _reserve(self, wanted: int) -> None:
        if self._limit is None:
            return
        if wanted > self._limit:
            raise Unsupported(
                f"the model needs {wanted} bytes and the limit is {self._limit}: raise "
                "memory_limit_bytes or choose a smaller model"
            )
        with self._lock:
            while self._items and wanted + sum(i.bytes for i in self._items.values()) > self._limit:
                self._items.popitem(last=False)
