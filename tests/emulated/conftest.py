"""A phone that is there without QEMU."""

from tests.helpers.adb_phone import adb  # noqa: F401  # a fixture
