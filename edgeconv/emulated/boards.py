"""The devices that can be emulated, and what of them a program running there can see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeconv.errors import UnknownName

#: "board": Debian with Python behind sshd. "phone": an Android shell without Python behind adbd.
Kind = Literal["board", "phone"]


@dataclass(frozen=True)
class Cpu:
    """A CPU that both QEMU and the engines know.

    Attributes:
        qemu: QEMU's name. `max` is none of them: engines pick SVE and SME code there, which QEMU
            emulates, and which gives wrong int8 results.
        part: the main ID register's part number, as /proc/cpuinfo shows it.
        features: as /proc/cpuinfo shows them. Never more than `qemu` has: engines choose their
            kernels by this line, and an instruction too many is SIGILL.
    """

    qemu: str
    part: int
    features: str


@dataclass(frozen=True)
class Board:
    """An emulated device.

    Attributes:
        name: what `edgeconv devices start` takes.
        kind: board or phone.
        cpu: of every core.
        cores: how many there are, to look at; they share the host's.
        model: what the device tree (board) or `ro.product.model` (phone) says.
        khz: lowest and highest frequency.
        host_name: as `uname -n` says.
    """

    name: str
    kind: Kind
    cpu: Cpu
    cores: int
    model: str
    khz: tuple[int, int]
    host_name: str

    @property
    def user(self) -> str:
        """Who commands run as."""
        return "pi" if self.kind == "board" else "shell"

    @property
    def uid(self) -> int:
        """The user's and its group's number."""
        return 1000 if self.kind == "board" else 2000

    @property
    def home(self) -> str:
        """The only directory there that is kept over `stop`, and the user's own."""
        return "/home/pi" if self.kind == "board" else "/data/local/tmp"


_A72 = Cpu("cortex-a72", 0xD08, "fp asimd evtstrm crc32 cpuid")
_A76 = Cpu(
    "cortex-a76",
    0xD0B,
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop "
    "asimddp",
)

BOARDS: dict[str, Board] = {
    board.name: board
    for board in (
        Board(
            "rpi4-emulated",
            "board",
            _A72,
            4,
            "Raspberry Pi 4 Model B Rev 1.4",
            (600_000, 1_500_000),
            "rpi4-emulated",
        ),
        Board(
            "rpi5-emulated",
            "board",
            _A76,
            4,
            "Raspberry Pi 5 Model B Rev 1.0",
            (1_500_000, 2_400_000),
            "rpi5-emulated",
        ),
        Board(
            "android-emulated",
            "phone",
            _A76,
            4,
            "Emulated phone",
            (600_000, 2_400_000),
            "localhost",
        ),
    )
}


def board_named(name: str) -> Board:
    """The board of that name; raises UnknownName."""
    try:
        return BOARDS[name]
    except KeyError:
        hint = f"emulated are {', '.join(BOARDS)}"
        raise UnknownName("emulated device", name, BOARDS, hint) from None


def cpuinfo(board: Board) -> str:
    """The text of /proc/cpuinfo."""
    core = (
        "processor\t: {number}\n"
        "BogoMIPS\t: 108.00\n"
        f"Features\t: {board.cpu.features}\n"
        "CPU implementer\t: 0x41\n"
        "CPU architecture: 8\n"
        "CPU variant\t: 0x0\n"
        f"CPU part\t: 0x{board.cpu.part:x}\n"
        "CPU revision\t: 3\n"
    )
    cores = "\n".join(core.format(number=number) for number in range(board.cores))
    return f"{cores}\nModel\t\t: {board.model}\n"


def sys_files(board: Board) -> dict[str, str]:
    """What lies under /sys: path -> text."""
    low, high = board.khz
    all_cores = f"0-{board.cores - 1}\n"
    cpu, policy = "devices/system/cpu", "devices/system/cpu/cpufreq/policy0"
    files = {
        f"{cpu}/possible": all_cores,
        f"{cpu}/present": all_cores,
        f"{cpu}/online": all_cores,
        f"{policy}/affected_cpus": " ".join(map(str, range(board.cores))) + "\n",
        f"{policy}/cpuinfo_max_freq": f"{high}\n",
        f"{policy}/cpuinfo_min_freq": f"{low}\n",
        f"{policy}/scaling_cur_freq": f"{high}\n",
        f"{policy}/scaling_governor": "performance\n",
        "class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "class/thermal/thermal_zone0/temp": "48686\n",
        "firmware/devicetree/base/model": f"{board.model}\0",
    }
    for core in range(board.cores):
        files[f"{cpu}/cpu{core}/online"] = "1\n"
        files[f"{cpu}/cpu{core}/topology/core_id"] = f"{core}\n"
        files[f"{cpu}/cpu{core}/topology/physical_package_id"] = "0\n"
    return files
