"""What the tests of an app or a net need: `assert_parity`, and a plugin of pytest's.

    from edgeconv.testing import assert_parity

    def test_parity(edgeconv_bundle):
        assert_parity(edgeconv_bundle("bundles/mine"))

pytest loads the plugin in every run of an environment that edgeconv is installed in: nothing heavy
is imported until a test asks for a bundle.
"""

from edgeconv.testing.parity import BundleUnderTest, Device, assert_parity

__all__ = ["BundleUnderTest", "Device", "assert_parity"]
