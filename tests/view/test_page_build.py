"""The page that the package carries is what its sources make, and its components do what their tests say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "src" / "spancast" / "view" / "page.html"
NPM = shutil.which("npm")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(NPM is None, reason="npm is not installed")]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with what they need, installed as the lock says."""
    folder = tmp_path_factory.mktemp("page")
    copy = folder / "page"
    shutil.copytree(ROOT / "page", copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (folder / "src" / "spancast" / "view").mkdir(parents=True)
    done = subprocess.run([str(NPM), "ci", "--no-audit", "--no-fund"], cwd=copy, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the page's packages cannot be installed here: {done.stderr[-300:]}")
    return copy


def test_the_built_page_is_the_sources(sources: Path) -> None:
    """Whoever changes one and not the other is told: `npm run build` in `page/`."""
    subprocess.run([str(NPM), "run", "build"], cwd=sources, check=True, capture_output=True)
    made = sources.parent / "src" / "spancast" / "view" / "page.html"
    assert made.read_text("utf-8") == BUILT.read_text("utf-8")


def test_the_components(sources: Path) -> None:
    """The page's own tests."""
    done = subprocess.run([str(NPM), "test"], cwd=sources, capture_output=True, text=True)
    assert 0 == done.returncode, done.stdout + done.stderr
