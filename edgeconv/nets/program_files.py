"""Programs of torch.export from a file (`torch.export.save`, .pt2), read without running its code.

`torch.export.load` trusts its file: it unpickles, evaluates texts as Python, calls any function of
torch that a node names. So it never sees the file itself. It is given an archive that is put
together here from what was checked: the graph with nodes of PyTorch's own operators alone, sizes
by plain arithmetic, values as bytes. Everything else (pickles, compiled code, custom objects,
examples, guards, notes that only tools read) is left out, or refused where the net would miss it.
"""

from __future__ import annotations

import io
import json
import logging
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from edgeconv.documents import parse
from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.nets.state_files import BROKEN

_MOST_BYTES = 2 * 2**30
_MOST_RECORDS = 100_000
_FORM = ("archive_format", "archive_version", ".data/version", "byteorder")
_MODEL = "models/model.json"
_EXAMPLES = "data/sample_inputs/model.pt"
#: Where values lie, and which record says how.
_VALUES = {
    "data/weights/": ("model_weights_config.json", re.compile(r"weight_\d{1,6}")),
    "data/constants/": ("model_constants_config.json", re.compile(r"tensor_\d{1,6}")),
}
#: PyTorch's operators, but for those that open files or print.
_OPERATOR = re.compile(
    r"torch\.ops\.aten\.(?!from_file\b|save\b|load\b|print|warn\b|format)\w{1,80}\.\w{1,80}"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|getitem|eq|ne|lt|le|gt|ge)"
    r"|torch\.sym_(max|min|int|float|not)|torch\.ops\.higher_order\.wrap_with_set_grad_enabled"
)
#: Sizes as SymPy writes them: symbols, whole numbers, sums, products, a few functions; no powers.
_SIZE = re.compile(
    r"(?=.{1,1000}$)(?:Symbol\('[su]\d{1,6}'(?:, (?:positive|nonnegative|integer)=True)*\)"
    r"|Integer\(-?\d{1,12}\)|(?:Add|Mul|Max|Min|Mod|PythonMod|FloorDiv|CleanDiv)\(|, |\))+"
)
_SYMBOL = re.compile(r"[su]\d{1,6}")
_TEXT = re.compile(r"[\w ,.>-]{0,100}")
#: Values of other kinds, which are made by code.
_CODE = ("as_custom_obj", "as_operator", "custom_obj")
#: What inputs and outputs may be nested in.
_NESTED = (None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")
#: Of a node's notes: where it stands in the net and in its code.
_NOTES = ("stack_trace", "nn_module_stack", "torch_fn")


def read_program(path: Path) -> ExportedProgram:
    """Reads a program without running anything that its file holds.

    Raises:
        UsageError: there is no such file.
        ArtifactRefused: it is no program, or one that cannot be read safely.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    if path.stat().st_size > _MOST_BYTES:
        raise ArtifactRefused(f"{path}: at most {_MOST_BYTES >> 30} GiB are read of a program")
    try:
        checked = _checked(path)
    except BROKEN as error:
        words = str(error).partition("\n")[0][:300] or type(error).__name__
        raise ArtifactRefused(f"{path} is no program of torch.export: {words}") from error
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)  # it logs the traceback of what it then raises shortly
    try:
        return torch.export.load(checked)
    except Exception as error:  # of a graph that contradicts itself, or of another version
        words = str(error).partition("\n")[0][:300] or type(error).__name__
        raise ArtifactRefused(
            f"{path} cannot be read by this PyTorch ({torch.__version__}): {words}; save it again "
            "by torch.export.save in the same version"
        ) from error
    finally:
        logging.disable(before)


class _Unsafe(ValueError):
    """What a program may not hold; a message of one line."""


def _checked(path: Path) -> io.BytesIO:
    """An archive of what was checked."""
    with zipfile.ZipFile(path) as archive:
        records = _records(archive, path.stat().st_size)
        made = {name: archive.read(records[name]) for name in _FORM if name in records}
        if made.get("archive_format") != b"pt2" or _MODEL not in records:
            raise _Unsafe("it holds no program; torch.export.save writes one")
        made[_MODEL] = _model(parse(archive.read(records[_MODEL])))
        for place, (stated, name) in _VALUES.items():
            config = archive.read(records[place + stated])
            for record in _stored(parse(config), place, records, name):
                made[record] = archive.read(records[record])
            made[place + stated] = config
    made[_EXAMPLES] = _examples()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for record, content in made.items():
            archive.writestr(f"model/{record}", content)
    packed.seek(0)
    return packed


def _records(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The records by their names below the archive's one folder; refuses what would unpack."""
    members = archive.infolist()
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if len(members) > _MOST_RECORDS or packed or sum(m.file_size for m in members) > size:
        raise _Unsafe("it would unpack to more than it holds")
    found = {member.filename.partition("/")[2]: member for member in members}
    if len(found) != len(members) or len({m.filename.partition("/")[0] for m in members}) != 1:
        raise _Unsafe("its records lie in several folders, or twice in one")
    compiled = next((name for name in found if name.startswith("data/aotinductor/")), None)
    if compiled:
        raise _Unsafe("it holds compiled code; save the program itself by torch.export.save")
    return found


def _examples() -> bytes:
    written = io.BytesIO()
    torch.save(((), {}), written)
    return written.getvalue()


def _model(document: Any) -> bytes:
    document["guards_code"] = []
    for call in document["graph_module"]["module_call_graph"]:
        if call["signature"] is not None:
            for key in ("in_spec", "out_spec"):
                _check_spec(parse(call["signature"][key])[1])
    for symbol in document["range_constraints"]:
        if not _SYMBOL.fullmatch(symbol):
            raise _Unsafe(f"it calls a size {symbol[:60]!a}, which is no symbol")
    _check(document)
    return json.dumps(document).encode()


def _check(value: Any) -> None:
    """Follows a document; raises _Unsafe over what is no plain graph, and drops notes."""
    if isinstance(value, list):
        for one in value:
            _check(one)
    if not isinstance(value, dict):
        return
    for key, held in value.items():
        if key == "metadata" and isinstance(held, dict):
            value[key] = {name: held[name] for name in _NOTES if isinstance(held.get(name), str)}
        elif key == "target" and isinstance(held, str):
            _require(_OPERATOR, held, "calls", "which is none of PyTorch's plain operators")
        elif key == "expr_str":
            _require(_SIZE, held, "computes a size by", "which is no plain arithmetic")
        elif key in ("as_string", "as_strings"):
            for text in held if isinstance(held, list) else [held]:
                _require(_TEXT, text, "gives an operator the text", "which no operator takes")
        elif key in _CODE:
            raise _Unsafe(f"it holds a value of the kind {key}, which only code can make")
        else:
            _check(held)
    if value.get("custom_obj_values"):
        raise _Unsafe("it holds custom objects, which only code can make")


def _require(allowed: re.Pattern[str], text: Any, does: str, why: str) -> None:
    if not isinstance(text, str) or not allowed.fullmatch(text):
        raise _Unsafe(f"it {does} {str(text)[:80]!a}, {why}")


def _check_spec(spec: Any) -> None:
    """Of how inputs and outputs are nested; names of other types would be imported."""
    if spec["type"] not in _NESTED or "__enum__" in str(spec["context"]):
        raise _Unsafe(f"its ends are nested in a {str(spec['type'])[:60]!a}; give tuples and dicts")
    for child in spec["children_spec"]:
        _check_spec(child)


def _stored(
    config: Any, place: str, records: Mapping[str, zipfile.ZipInfo], name: re.Pattern[str]
) -> Iterator[str]:
    """The records that values lie in, each at least as large as the values that read it."""
    for title, entry in config["config"].items():
        meta, record = entry["tensor_meta"], place + entry["path_name"]
        if entry["use_pickle"] or meta is None or not name.fullmatch(entry["path_name"]):
            raise _Unsafe(f"{title[:60]!a} is no plain tensor: it would have to be unpickled")
        sizes = [_whole(size) for size in meta["sizes"]]
        strides = [_whole(stride) for stride in meta["strides"]]
        reach = sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
        count = 1
        for size in sizes:
            count *= size
        last = reach + _whole(meta["storage_offset"])
        if max(count, last + 1 if count else 0) > records[record].file_size:
            raise _Unsafe(f"{title[:60]!a} reads past the end of its record")
        yield record


def _whole(size: Any) -> int:
    found = size["as_int"]
    if type(found) is not int or found < 0:
        raise _Unsafe(f"a size is {found!a:.40}")
    return found
