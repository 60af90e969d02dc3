"""A phone that is there without QEMU."""

from tests.helpers.machines.adb_phone import adb  # noqa: F401  # a fixture
