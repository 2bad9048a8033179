"""Records and repeats work on the CPU, as `graphs.CudaGraphs` does on a GPU, and refuses what it
refuses."""

from __future__ import annotations

import weakref

from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class CpuRecorder:
    """A repeated run reads the tensors that the work read when recorded, as they are by then, and
    overwrites the same output. A number that the work read from a tensor stays as recorded."""

    def __init__(self):
        self.replays = 0
        self._outputs = []

    def record(self, work):
        numbers = []
        with _Items(lambda tensor, read: numbers.append(read(tensor)) or numbers[-1]):
            output = work()
        self._outputs.append(weakref.ref(output))

        def replay():
            self.replays += 1
            left = iter(numbers)
            with _Items(lambda _tensor, _read: next(left)):
                output.copy_(work())

        return replay, output

    def outputs(self):
        return [output for kept in self._outputs if (output := kept()) is not None]

    def held_bytes(self):
        return sum(output.nbytes for output in self.outputs())


class _Items(TorchFunctionMode):
    """`Tensor.item` is answered by `answer(tensor, the real one)`."""

    def __init__(self, answer):
        super().__init__()
        self._answer = answer

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is Tensor.item:
            return self._answer(args[0], func)
        return func(*args, **(kwargs or {}))


_READING = ("aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::nonzero")


class UnderCapture(TorchDispatchMode):
    """Work that reads a number of a tensor fails, as under a GPU's capture."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.name() in _READING:
            raise RuntimeError("operation not permitted when stream is capturing")
        return func(*args, **(kwargs or {}))
