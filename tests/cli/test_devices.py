"""`edgeconv devices` as a user runs it."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.cli.conftest import Run

needs_ssh = pytest.mark.skipif(
    shutil.which("ssh") is None, reason="ssh is not installed (Debian: openssh-client)"
)


pytestmark = pytest.mark.usefixtures("own")


def test_list_shows_every_device_and_where_ones_own_go(run: Run, own):
    (own / "lab.toml").write_text('like = "rpi4"\nhost = "10.0.0.9"\nuser = "ada"\nport = 2222')
    listed = run("devices", "list")
    assert listed.code == 0
    for word in ("rpi4", "rpi5", "android", "local", "lab", "ada@10.0.0.9:2222", "needs --host"):
        assert word in listed.out
    assert str(own) in listed.out


def test_list_goes_on_past_a_broken_profile(run: Run, own):
    (own / "lab.toml").write_text("hots = 1")
    listed = run("devices", "list")
    assert listed.code == 0
    assert "hots is no key" in listed.out
    document = json.loads(run("devices", "list", "--json").out)
    assert list(document["broken"]) == ["lab"]
    assert "rpi4" in [device["name"] for device in document["devices"]]


def test_check_of_this_machine(run: Run):
    checked = run("devices", "check", "local")
    assert checked.code == 0
    assert "free space" in checked.out
    document = json.loads(run("devices", "check", "local", "--json").out)
    assert document["usable"] is True
    assert document["facts"]["cores"] >= 1


@needs_ssh
def test_check_of_an_unreachable_board_exits_with_3_and_says_why(run: Run):
    words = ("devices", "check", "rpi4", "--host", "no-such-board.invalid")
    checked = run(*words)
    assert (checked.code, checked.out) == (3, "")
    assert "no-such-board.invalid: no such host is known" in checked.err
    assert "Traceback" not in checked.err
    document = json.loads(run(*words, "--json").out)
    assert document["reachable"] is False
    assert "no such host" in document["error"]


def test_check_of_a_board_without_a_host_is_wrong_usage(run: Run):
    checked = run("devices", "check", "arm64-ssh")
    assert checked.code == 2
    assert "--host" in checked.err


def test_an_unknown_device_is_wrong_usage(run: Run):
    checked = run("devices", "check", "rpi6")
    assert checked.code == 2
    assert "rpi6 is no device; did you mean" in checked.err


def test_a_bench_without_its_board_exits_with_3_and_says_the_ways_on(run: Run, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"")
    benched = run("bench", "model.onnx", "--device", "rpi4", "--host", "no-such-board.invalid")
    assert benched.code == 3
    for way in ("--host", "rpi4.toml", "edgeconv devices check rpi4", "rpi4-emulated"):
        assert way in benched.err
