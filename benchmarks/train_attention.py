"""Trains the nets of attention on the hard nets' images, as `train_hard.py` trains those.

    python benchmarks/train_attention.py [--net NAME] [--out DIR]

`_hard.ATTENTION` says which they are. Nothing is spread afterwards: what is hard for int8 here is
attention itself.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

import _hard
import torch
from train_hard import Case, save, train

#: Highest learning rates.
RATES = {"small_vit": 2e-3, "small_linear": 3e-3, "small_mobilevit": 3e-3}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--net", choices=list(_hard.ATTENTION), help="only this one")
    parser.add_argument("--out", type=Path, default=_hard.FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, file in _hard.ATTENTION.items():
        if options.net not in (None, name):
            continue
        case = Case(name, 1000, 1, RATES[name])
        torch.manual_seed(0)
        module = getattr(importlib.import_module(Path(file).stem), name)(len(_hard.tiles()))
        train(module, case, 0)
        save(module.eval(), case, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
