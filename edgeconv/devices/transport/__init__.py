"""Commands and files to a device: over ssh, over adb, on this machine."""
