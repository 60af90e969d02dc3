"""Who makes and who reads the tensors of a program."""

from __future__ import annotations

from collections import defaultdict

from edgeconv.export.tflite.program import Operator, Program, Tensor


class ProgramView:
    """An index of a program's tensors; a tensor is known by its identity."""

    def __init__(self, program: Program) -> None:
        self._makers = {
            id(tensor): operator for operator in program.operators for tensor in operator.outputs
        }
        self._readers: defaultdict[int, list[Operator]] = defaultdict(list)
        for operator in program.operators:
            for tensor in operator.inputs:
                if tensor is not None:
                    self._readers[id(tensor)].append(operator)
        self._outputs = {id(tensor) for _, tensor in program.outputs}

    def maker(self, tensor: Tensor | None) -> Operator | None:
        """The operator that gives a tensor; None for inputs and constants."""
        return self._makers.get(id(tensor))

    def only_reader(self, tensor: Tensor) -> Operator | None:
        """The operator that reads a tensor, where that is its one use."""
        readers = self._readers[id(tensor)]
        return readers[0] if len(readers) == 1 and id(tensor) not in self._outputs else None
