"""The real sshd in front of an emulated board: this machine's, confined to the board's root.

Only public keys made for this run log in, only as the board's user, only from this machine.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from edgeconv.emulated.boards import Board
from edgeconv.emulated.init import PRIVATE, ROOT
from edgeconv.emulated.requirements import program
from edgeconv.emulated.side import ADDRESS, Plan


def plan(board: Board, keys: Path, port: int) -> Plan:
    """Makes keys for host and user in the directory `keys`, and says how to start sshd."""
    host_key, identity = keys / "host", keys / "identity"
    for path in (host_key, identity):
        _make_key(path, board.name)
    known_hosts = keys / "known_hosts"
    host_public = host_key.with_suffix(".pub").read_text(encoding="ascii")
    known_hosts.write_text(f"[{ADDRESS}]:{port} {host_public}", encoding="ascii")
    files = {
        "host_key": host_key.read_text(encoding="ascii"),
        "authorized_keys": identity.with_suffix(".pub").read_text(encoding="ascii"),
        "sshd_config": _configuration(board, port),
    } | _accounts(board)
    return Plan(
        daemons=((program("sshd"), "-D", "-e", "-f", f"{PRIVATE}/sshd_config"),),
        way={"user": board.user, "identity": identity, "known_hosts": known_hosts},
        files=files,
        bind={f"{PRIVATE}/{name}": f"/etc/{name}" for name in _accounts(board)},
    )


def connect(_plan: Plan) -> None:
    """Nothing is left to do: clients come by themselves."""


def _configuration(board: Board, port: int) -> str:
    settings = {
        "ListenAddress": f"{ADDRESS}:{port}",
        "HostKey": f"{PRIVATE}/host_key",
        "PidFile": "none",
        "AuthorizedKeysFile": f"{PRIVATE}/authorized_keys",
        "AuthenticationMethods": "publickey",
        "AllowUsers": board.user,
        "UsePAM": "no",
        "UseDNS": "no",
        "PrintMotd": "no",
        "PrintLastLog": "no",
        "MaxSessions": "50",
        "AllowTcpForwarding": "no",
        "AllowAgentForwarding": "no",
        "ChrootDirectory": str(ROOT),
        "SetEnv": f"QEMU_CPU={board.cpu.qemu}",
    }
    lines = [f"{key} {value}" for key, value in settings.items()]
    return "\n".join([*lines, "Subsystem sftp internal-sftp", ""])


def _accounts(board: Board) -> dict[str, str]:
    """sshd's own view of who there is: root, itself, and the board's user."""
    user, uid = board.user, board.uid
    return {
        "passwd": (
            "root:x:0:0:root:/root:/bin/sh\n"
            "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
            f"{user}:x:{uid}:{uid}::{board.home}:/bin/bash\n"
        ),
        "group": f"root:x:0:\nnogroup:x:65534:\ntty:x:5:\n{user}:x:{uid}:\n",
        "shadow": f"root:*:19000:0:99999:7:::\n{user}:*:19000:0:99999:7:::\n",
    }


def _make_key(path: Path, comment: str) -> None:
    command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", comment]
    subprocess.run([*command, "-f", str(path)], check=True, capture_output=True, timeout=30)
