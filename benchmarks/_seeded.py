"""Stand-ins for a benchmark that only asks how fast a net is: seeded weights, a few photos.

    python benchmarks/_seeded.py NET FILE     writes the net's seeded weights as safetensors

Latency does not hang on the values, as long as activations stay in range: BatchNorm statistics are
set from built-in photos, as `edgeconv export` sets those of an untrained net. Every tool gets the
same file.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import environment
from _process import environment as variables

STATISTICS_PHOTOS = 16


def weights_file(net: str) -> Path:
    """A file of seeded weights, made once, beside the other tools' models."""
    target = environment.folder("others") / "models" / f"{net}-seeded.safetensors"
    if not target.is_file():
        target.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / target.name
            command = [sys.executable, __file__, net, str(made)]
            subprocess.run(command, check=True, env=variables())
            made.replace(target)
    return target


def few_photos(folder: Path, count: int) -> Path:
    """A folder with the first photos of another one, made once."""
    target = environment.folder("others") / "models" / f"{folder.name}-{count}"
    if not target.is_dir():
        target.parent.mkdir(exist_ok=True)
        photos = sorted(path for path in folder.iterdir() if path.is_file())[:count]
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / target.name
            made.mkdir()
            for photo in photos:
                shutil.copy(photo, made)
            made.replace(target)
    return target


def main() -> None:
    """Writes the seeded weights of one net."""
    import torch
    from safetensors.torch import save_file

    from edgeconv.data import builtin
    from edgeconv.data.preprocessing import normalize_batch
    from edgeconv.nets.calibrate_bn import set_batchnorm_statistics
    from edgeconv.nets.load import load_net

    name, target = sys.argv[1:]
    net = load_net(name, weights="random")
    photos = list(builtin.photos(net.preprocessing, STATISTICS_PHOTOS, "calibration"))
    batch = torch.from_numpy(normalize_batch(photos, net.preprocessing))
    set_batchnorm_statistics(net.module, [batch])
    state = {key: value.contiguous() for key, value in net.module.state_dict().items()}
    save_file(state, target)


if __name__ == "__main__":
    main()
