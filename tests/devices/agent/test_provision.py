"""A device with Python gets the engines unpacked, once, and nothing is left of the way there."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

from edgeconv.devices.agent import wheels
from edgeconv.devices.agent.provision import prepare_python_agent
from edgeconv.devices.profile.model import Profile
from edgeconv.devices.transport.local import LocalTransport
from tests.helpers.heard import Heard


def test_engines_lie_unpacked_once_and_their_tar_file_is_gone(tmp_path, monkeypatch):
    wheel = tmp_path / "engine-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("engine/__init__.py", "version = 1\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "edgeconv" / "engines").mkdir(parents=True)
    monkeypatch.setattr(wheels, "fetch", lambda *_: [wheel])
    profile, heard = Profile("here", "this machine", "ssh"), Heard()
    with LocalTransport() as transport:
        first = prepare_python_agent(transport, profile, heard)
        taken = len(heard.steps)
        engines = Path(first[-1])
        assert (engines / "engine" / "__init__.py").read_text() == "version = 1\n"
        assert list(engines.parent.iterdir()) == [engines]
        assert prepare_python_agent(transport, profile, heard) == first
        assert len(heard.steps) == taken
