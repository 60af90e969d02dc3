"""Is the device of the architecture that its profile says?"""

from __future__ import annotations

from edgeconv.devices.profile.model import Profile
from edgeconv.errors import DeviceUnreachable

#: Prints such as "aarch64 64": the kernel's architecture, and the width of the programs' words.
ARCHITECTURE = 'echo "$(uname -m)" "$(getconf LONG_BIT 2>/dev/null)"'
#: Other names of the same.
_SAME = {"arm64": "aarch64", "amd64": "x86_64", "armv8l": "armv7l"}
_64_BIT = {"aarch64", "x86_64", "riscv64"}


def check_architecture(profile: Profile, told: str, address: str) -> None:
    """Compares the answer to ARCHITECTURE with the profile.

    Raises:
        DeviceUnreachable: it is another device, or a 32-bit system on a 64-bit kernel.
    """
    wanted = profile.architecture
    words = told.lower().split()
    if wanted is None or not words:
        return
    found = words[0][:30]
    if _normal(found) != _normal(wanted):
        raise DeviceUnreachable(
            f"{address}: it is {found}, and {profile.name} is {wanted}; is it the right device, "
            "and its system the 64-bit one? Its profile may say otherwise: architecture"
        )
    if _normal(wanted) in _64_BIT and words[1:] == ["32"]:
        raise DeviceUnreachable(
            f"{address}: its kernel is {found}, its programs are 32-bit; install the 64-bit system"
        )


def _normal(name: str) -> str:
    return _SAME.get(name, name)
