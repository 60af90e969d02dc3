"""Boards and phones that are not there: arm64 programs under QEMU behind the real sshd and adb.

`machine.start(name)` gives a `Running` device that the system's own `ssh` or `adb` reaches on
127.0.0.1; `machine.stop(name)` ends it. Numbers computed there are those of the architecture, time
measured there means nothing: `counter` says how executed instructions are counted instead.
"""
