"""One suite for all of a kind, written from the contract and sharing no code with the package."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.reading")
