"""The device's end of adb's protocol, for an emulated phone: what the real `adb` client talks to.

Debian packages no adbd. This one serves what edgeconv and a curious person need: `adb shell` (with
exit codes and separate streams, or as old phones do it), `adb exec-out`, `push`, `pull` and `ls`.
"""
