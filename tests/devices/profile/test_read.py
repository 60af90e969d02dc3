"""Profiles are read strictly; the user's lie over the built-in ones, the command line over both."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeconv.devices.profile import read as profiles
from edgeconv.devices.profile.model import Cluster
from edgeconv.devices.profile.read import Overrides
from edgeconv.errors import UnknownName, UsageError

BUILT_IN = {
    "android",
    "android-emulated",
    "arm64-ssh",
    "cuda",
    "local",
    "rpi4",
    "rpi4-emulated",
    "rpi5",
    "rpi5-emulated",
    "tensorrt",
}


pytestmark = pytest.mark.usefixtures("own")


def test_every_built_in_profile_can_be_loaded():
    assert set(profiles.names()) == BUILT_IN
    for name in BUILT_IN:
        profile = profiles.load(name)
        assert profile.name == name
        assert profile.title
        assert profile.emulated == name.endswith("-emulated")
        assert profile.architecture == (None if profile.transport == "local" else "aarch64")


def test_emulated_devices_are_the_ones_that_can_be_started():
    from edgeconv.emulated.boards import BOARDS

    assert {name for name in BUILT_IN if name.endswith("-emulated")} == set(BOARDS)


def test_the_users_directory_need_not_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "absent"))
    assert set(profiles.names()) == BUILT_IN


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux", ".config/edgeconv/devices"),
        ("darwin", "Library/Application Support/edgeconv/devices"),
        ("win32", "AppData/edgeconv/devices"),
    ],
)
def test_the_users_directory_is_the_platforms(monkeypatch, tmp_path, platform, expected):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path / "AppData"))
    monkeypatch.setattr("sys.platform", platform)
    assert profiles.directory() == tmp_path / expected


def test_a_relative_config_home_is_no_config_home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert profiles.directory().is_absolute()


def test_a_users_file_is_laid_over_the_built_in_one(own):
    (own / "rpi4.toml").write_text('host = "10.0.0.7"\nuser = "ada"')
    profile = profiles.load("rpi4")
    assert (profile.host, profile.user, profile.architecture) == ("10.0.0.7", "ada", "aarch64")
    assert profile.clusters == (Cluster("cortex-a72", (0, 1, 2, 3)),)


def test_a_users_own_device_may_be_like_another(own):
    (own / "lab.toml").write_text('like = "rpi5"\nhost = "lab"\ntitle = "in the lab"')
    (own / "lab2.toml").write_text('like = "lab"\nport = 2222')
    profile = profiles.load("lab2")
    assert (profile.host, profile.port, profile.title) == ("lab", 2222, "in the lab")
    assert profile.clusters[0].name == "cortex-a76"
    assert profiles.names()[-2:] == ["lab", "lab2"]


def test_a_whole_profile_of_ones_own(own):
    (own / "phone.toml").write_text(
        """
        title = "my phone"
        transport = "adb"
        serial = "R58M123ABC"
        adb_port = 5039
        architecture = "aarch64"
        engines = ["litert"]
        agent = "native"
        throttled = ["/sys/throttled"]

        [[clusters]]
        name = "little"
        cores = [0, 1, 2, 3]

        [[clusters]]
        name = "big"
        cores = [4, 5, 6, 7]
        """
    )
    profile = profiles.load("phone")
    assert profile.serial == "R58M123ABC"
    assert profile.adb_port == 5039
    assert profile.engines == ("litert",)
    assert profile.throttled == ("/sys/throttled",)
    assert profile.clusters[1] == Cluster("big", (4, 5, 6, 7))


WHOLE = 'title = "x"\ntransport = "ssh"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('title = "x"', "transport is missing"),
        ('transport = "ssh"', "title is missing"),
        (WHOLE + "hots = 1", "hots is no key"),
        (WHOLE + "port = 0", "port = 0: a whole number from 1 to 65535"),
        (WHOLE + "port = true", "port = True"),
        (WHOLE + 'port = "22"', "port = '22'"),
        (WHOLE + 'host = "-oProxyCommand=evil"', "host = "),
        (WHOLE + 'host = "me@there"', "--user"),
        (WHOLE + 'host = "a b"', "host = "),
        (WHOLE + 'host = ""', "host = "),
        (WHOLE + 'user = "-l"', "user = "),
        (WHOLE + "engines = []", "litert"),
        (WHOLE + 'engines = ["tensorrt"]', "litert"),
        (WHOLE + 'engines = ["litert", "litert"]', "twice"),
        (WHOLE + 'agent = "ruby"', "allowed: python, native"),
        (WHOLE + 'emulated = "no"', "true or false"),
        (WHOLE + 'architecture = "A 64"', "uname -m"),
        (WHOLE + "throttled = []", "throttled"),
        (WHOLE + 'clusters = [{name = "a"}]', "[[clusters]]"),
        (WHOLE + 'clusters = [{name = "a", cores = [-1]}]', "core numbers"),
        (WHOLE + 'serial = "x"', "serial means nothing where transport is 'ssh'"),
        ('title = "x"\ntransport = "carrier pigeon"', "allowed: local, ssh, adb"),
        ('title = "x"\ntransport = "local"\nhost = "x"', "host means nothing"),
        ('like = "nothing"', "like = 'nothing' is no other device"),
        ('like = "mine"', "like = 'mine' is no other device"),
        ("title = ", "is no TOML"),
        ('title = "\\u0007"\ntransport = "ssh"', "title = "),
        ("#" * 70_000, "larger than 64 KiB"),
        ("[" * 20_000, "is no TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_what_is_allowed(own, text, says):
    (own / "mine.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        profiles.load("mine")
    message = str(caught.value)
    assert says in message
    assert "mine" in message
    assert len(message) < 1000


def test_bytes_that_are_no_text_are_refused(own):
    (own / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="no TOML"):
        profiles.load("mine")


def test_a_circle_of_likes_is_refused(own):
    (own / "a.toml").write_text('like = "b"')
    (own / "b.toml").write_text('like = "a"')
    with pytest.raises(UsageError, match="no other device"):
        profiles.load("a")


def test_an_unknown_name_lists_the_known_ones_and_suggests(own):
    with pytest.raises(UnknownName) as caught:
        profiles.load("rpi-4")
    assert "did you mean rpi4" in str(caught.value)
    assert all(name in str(caught.value) for name in BUILT_IN)
    assert str(own) in str(caught.value)


@pytest.mark.parametrize("name", ["", "../rpi4", "/etc/passwd", ".", "rpi4.toml", "a\0b"])
def test_a_name_is_no_path(name):
    with pytest.raises(UnknownName):
        profiles.load(name)


def test_a_directory_or_an_odd_name_is_no_profile(own):
    (own / "directory.toml").mkdir()
    (own / "-x.toml").write_text(WHOLE)
    (own / "with space.toml").write_text(WHOLE)
    assert set(profiles.names()) == BUILT_IN


def test_the_command_line_wins(own):
    (own / "rpi4.toml").write_text('host = "a"\nport = 1\nuser = "b"')
    profile = profiles.load("rpi4", Overrides(host="c", port=2, user="d", identity=Path("~/key")))
    assert (profile.host, profile.port, profile.user) == ("c", 2, "d")
    assert profile.identity == Path("~/key").expanduser()


def test_the_port_of_a_phone_is_the_adb_servers():
    profile = profiles.load("android", Overrides(port=5038, serial="X1"))
    assert (profile.adb_port, profile.port, profile.serial) == (5038, None, "X1")


@pytest.mark.parametrize(
    ("name", "overrides", "says"),
    [
        ("rpi4", Overrides(serial="x"), "--serial means nothing for rpi4"),
        ("android", Overrides(host="x"), "--host means nothing for android"),
        ("local", Overrides(port=1), "--port means nothing for local"),
        ("rpi4", Overrides(port=65536), "1 to 65535"),
        ("rpi4", Overrides(host="-oX"), "the command line: host"),
    ],
)
def test_overrides_that_make_no_sense_are_refused(name, overrides, says):
    with pytest.raises(UsageError, match=says):
        profiles.load(name, overrides)


def test_an_emulated_device_that_does_not_run_has_no_way_to_it():
    assert profiles.load("rpi4-emulated").host is None
