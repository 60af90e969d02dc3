"""Trains `attention_net.py:small_vit` on the hard nets' images, as `train_hard.py` trains those.

    python benchmarks/train_attention.py [--out DIR]

Nothing is spread afterwards: what is hard for int8 here is attention itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import _hard
import torch
from attention_net import small_vit
from train_hard import Case, save, train

CASE = Case(_hard.ATTENTION, 1000, 1, 2e-3)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=_hard.FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = small_vit(len(_hard.tiles()))
    train(module, CASE, 0)
    save(module.eval(), CASE, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
