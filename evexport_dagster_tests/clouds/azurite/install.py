"""Install Azurite as package-lock.json pins it.

python -m evexport_dagster_tests.clouds.azurite.install
"""

from __future__ import annotations

from pathlib import Path

from evexport_dagster_tests import npm


def installed() -> Path:
    """The script that Node runs; what is missing is installed first."""
    folder = npm.installed(Path(__file__).parent)
    return folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


if __name__ == "__main__":
    installed()
