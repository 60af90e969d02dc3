"""Projects of a bundle, as tests write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np

from edgeconv.bundle.bundle import Bundle
from edgeconv.data.images import load_image
from edgeconv.data.preprocessing import crop_pixels
from edgeconv.embed import consumers, project
from edgeconv.embed.golden import Case, Fed


def written(
    bundle: Path, kind: str, file: str | None, out: Path, photos: Sequence[Path] = ()
) -> Path:
    """A project; with photos, it is these that it tests itself on."""
    opened = Bundle.load(bundle)
    chosen = consumers.consumer(kind)
    about = project.choose(opened, chosen, file)
    if photos:
        about = replace(about, cases=cases_of(photos, opened, about.artifact))
    project.write(about, chosen, out, force=False)
    return out


def cases_of(photos: Sequence[Path], bundle: Bundle, artifact: str) -> tuple[Case, ...]:
    """What edgeconv and Pillow make of photos."""
    opened = bundle.open(artifact)
    session = opened.session
    file = Fed(artifact, bundle.preprocessing, session.inputs[0], session.engine)
    cases = []
    for path in photos:
        photo = load_image(path, bundle.preprocessing.mode)
        (made,) = opened.predict([path])
        top = tuple((each.index, each.probability) for each in made.top())
        pixels = crop_pixels(photo, bundle.preprocessing)
        fed = file.tensor(pixels)
        feed = np.frombuffer(fed, session.inputs[0].dtype).reshape(session.inputs[0].shape)
        output = session.run([feed])[0].tobytes()
        cases.append(Case(path, crc32(photo.tobytes()), pixels, top, crc32(fed), output))
    return tuple(cases)
