"""What the tests of the package share: one build for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .environments import ROOT, build


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the sdist of this tree, and the wheel that was built from it."""
    return build(tmp_path_factory.mktemp("dist"), ROOT)


@pytest.fixture(scope="session")
def sdist(distributions: tuple[Path, Path]) -> Path:
    """Return the sdist."""
    return distributions[0]


@pytest.fixture(scope="session")
def wheel(distributions: tuple[Path, Path]) -> Path:
    """Return the wheel."""
    return distributions[1]
