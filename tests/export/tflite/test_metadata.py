"""The metadata of a file, read field by field as the published schema numbers them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types
from flatbuffers.table import Table

from edgeconv.export import tflite
from tests.export.tflite import engines, graphs
from tests.export.tflite.cases import CASES
from tests.export.tflite.cases.case import conv
from tests.export.tflite.graphs import feeds
from tests.helpers.tflite_bytes import tflite_bytes

MEAN, STD = (123.5, 116.0, 103.0), (58.5, 57.0, 57.5)
METADATA = tflite.TfliteMetadata(
    name="net",
    normalization=(MEAN, STD),
    labels=("tench", "größer", "a, b"),
    license="BSD-3-Clause",
    extra='{"edgeconv.net": "net"}',
)


@pytest.fixture(scope="module")
def data() -> bytes:
    return tflite_bytes(CASES["pointwise"].make(), metadata=METADATA)


def blob(data: bytes, name: str) -> bytes:
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    (entry,) = (entry for entry in model.metadata if entry.name == name.encode())
    return bytes(model.buffers[entry.buffer].data)


class Fields:
    """A FlatBuffer table, read by field number."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @classmethod
    def root(cls, buffer: bytes) -> Fields:
        start = flatbuffers.encode.Get(flatbuffers.packer.uoffset, buffer, 0)
        return cls(Table(buffer, start))

    def _at(self, number: int) -> int:
        return self._table.Offset(4 + 2 * number)

    def text(self, number: int) -> str:
        return self._table.String(self._table.Pos + self._at(number)).decode()

    def code(self, number: int) -> int:
        return self._table.Get(number_types.Uint8Flags, self._table.Pos + self._at(number))

    def table(self, number: int) -> Fields:
        return Fields(
            Table(self._table.Bytes, self._table.Indirect(self._table.Pos + self._at(number)))
        )

    def tables(self, number: int) -> list[Fields]:
        start, count = self._table.Vector(self._at(number)), self._table.VectorLen(self._at(number))
        positions = [self._table.Indirect(start + 4 * i) for i in range(count)]
        return [Fields(Table(self._table.Bytes, position)) for position in positions]

    def floats(self, number: int) -> Any:
        return self._table.GetVectorAsNumpy(number_types.Float32Flags, self._at(number))


def test_the_model_is_named_with_its_license(data: bytes) -> None:
    buffer = blob(data, "TFLITE_METADATA")
    assert buffer[4:8] == b"M001"
    model = Fields.root(buffer)
    assert (model.text(0), model.text(5), model.text(7)) == ("net", "BSD-3-Clause", "1.0.0")


def test_the_input_is_a_normalized_rgb_image(data: bytes) -> None:
    (subgraph,) = Fields.root(blob(data, "TFLITE_METADATA")).tables(3)
    (image,) = subgraph.tables(2)
    assert image.text(0) == "x"
    content = image.table(3)
    assert (content.code(0), content.table(1).code(0)) == (2, 1)
    (unit,) = image.tables(4)
    assert unit.code(0) == 1
    assert np.allclose(unit.table(1).floats(0), MEAN)
    assert np.allclose(unit.table(1).floats(1), STD)


def test_the_output_names_the_labels_that_are_appended_as_a_zip(data: bytes) -> None:
    (subgraph,) = Fields.root(blob(data, "TFLITE_METADATA")).tables(3)
    (logits,) = subgraph.tables(3)
    (labels,) = logits.tables(6)
    assert (labels.text(0), labels.code(2)) == ("labels.txt", 2)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt").decode().split("\n") == [*(METADATA.labels or ()), ""]


def test_a_class_without_a_name_is_called_by_its_number() -> None:
    metadata = tflite.TfliteMetadata("net", labels=("", "cat", ""))
    content = tflite_bytes(CASES["pointwise"].make(), metadata=metadata)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("labels.txt").decode() == "class 0\ncat\nclass 2\n"


def test_the_exporters_own_document_is_stored_as_it_is(data: bytes) -> None:
    assert blob(data, "edgeconv").decode() == METADATA.extra


def test_a_document_that_is_no_json_is_refused() -> None:
    with pytest.raises(json.JSONDecodeError):
        tflite.TfliteMetadata("net", extra="{")


def test_the_oldest_runtime_that_will_do_is_stated() -> None:
    plain = tflite_bytes(conv((1, 4, 6, 6), (4, 4, 1, 1)).make())
    grouped = tflite_bytes(conv((1, 4, 6, 6), (4, 2, 3, 3), group=2).make())
    assert blob(plain, "min_runtime_version") == b"2.3.0".ljust(16, b"\0")
    assert blob(grouped, "min_runtime_version") == b"2.9.0".ljust(16, b"\0")


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_metadata_changes_nothing_of_what_a_file_computes(data: bytes, engine: str) -> None:
    model = CASES["pointwise"].make()
    inputs = feeds(model)
    make = engines.ENGINES[engine]
    bare = engines.run(make, tflite_bytes(model), inputs)["y"]
    assert np.array_equal(engines.run(make, data, inputs)["y"], bare)
    assert np.allclose(bare, graphs.reference(model, inputs)["y"], atol=1e-5)
