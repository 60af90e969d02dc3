"""What the ssh program's complaints mean, and what helps."""

from __future__ import annotations

import re

from edgeconv.devices.profile.model import Profile
from edgeconv.devices.transport.envelope import Reply, last_words
from edgeconv.errors import DeviceUnreachable

NO_PROGRAM = (
    "the ssh program is not installed; install OpenSSH's client "
    "(Debian, Ubuntu: `sudo apt install openssh-client`)"
)

#: Pattern of a complaint, what is wrong, what helps; the first one that is found counts.
_MEANINGS = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key is another one than before: this is not the device it was, or somebody is "
        "in between",
        "if you know why (it was installed anew), forget the old key with `{forget}`, and connect "
        "once by hand to see the new one",
    ),
    (
        "Host key verification failed|host key is known for",
        "its host key is not known here",
        "connect once by hand, `{by_hand}`, and compare the key it shows",
    ),
    (
        "UNPROTECTED PRIVATE KEY FILE|bad permissions",
        "ssh refuses the private key, which others may read",
        "`chmod 600 {identity}`",
    ),
    (
        "Identity file .* not accessible|no such identity",
        "the private key file is not there",
        "give another one with --identity (tried: {identity})",
    ),
    (
        "Permission denied",
        "it refuses this user and key",
        "give them with --user and --identity, or bring your key there: `{copy_id}`",
    ),
    (
        "Could not resolve hostname",
        "no such host is known",
        "set it with --host NAME or --host ADDRESS",
    ),
    (
        "Connection refused",
        "nothing listens on its ssh port",
        "start its ssh server, or give the port with --port",
    ),
    (
        "timed out|No route to host|Network is unreachable|Host is down|no connection within",
        "no answer from there",
        "is it switched on and in this network? Set another with --host",
    ),
    (
        "Bad configuration option|Bad owner or permissions|line \\d+: ",
        "ssh refuses its own configuration",
        "try it by hand: `{by_hand}`",
    ),
)


def refused(profile: Profile, address: str, reply: Reply) -> DeviceUnreachable:
    """The error for a connection that ended before its first command did."""
    complaint = reply.stderr.decode(errors="replace")
    if not complaint.strip():
        complaint = "the connection was closed, or this user may run no commands there"
    return unreachable(profile, address, complaint)


def unreachable(profile: Profile, address: str, complaint: str) -> DeviceUnreachable:
    """The error for a complaint of ssh's, or of ours."""
    words = last_words(complaint.encode())
    for pattern, meaning, advice in _MEANINGS:
        if re.search(pattern, complaint):
            helps = advice.format(
                by_hand=by_hand(profile),
                copy_id=by_hand(profile, "ssh-copy-id"),
                forget=f"ssh-keygen -R {_known_name(profile)}",
                identity=profile.identity or "FILE",
            )
            return DeviceUnreachable(f"{address}: {meaning}{words}; {helps}")
    return DeviceUnreachable(
        f"{address}: no connection{words}; try it by hand: `{by_hand(profile)}`"
    )


def by_hand(profile: Profile, program: str = "ssh") -> str:
    """The command with which a user tries the same."""
    port = f" -p {profile.port}" if profile.port else ""
    identity = f" -i {profile.identity}" if profile.identity else ""
    user = f"{profile.user}@" if profile.user else ""
    return f"{program}{port}{identity} {user}{profile.host}"


def _known_name(profile: Profile) -> str:
    """The name under which a host stands in known_hosts."""
    file = f" -f {profile.known_hosts}" if profile.known_hosts else ""
    if profile.port in (None, 22):
        return f"{profile.host}{file}"
    return f"'[{profile.host}]:{profile.port}'{file}"
