"""The error of a framework that an adapter needs and that is missing, or older than the adapter needs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec


def import_error(
    error: ImportError, *, adapter: str, framework: str, package: str, at_least: str, extra: str
) -> ImportError:
    """Return what *adapter* fails with when *error* stopped its import: one sentence with the fix, where *package* is why.

    Args:
        adapter: The module's name.
        framework: The framework's name, as its users write it.
        package: The distribution that the adapter imports; its modules have the same name with underscores.
        at_least: The oldest version that the adapter works with.
        extra: The extra of spancast that installs it.

    Returns:
        An error of the same class. *error* itself where the package is there and new enough: then it is another's fault.
    """
    module = package.replace("-", "_").removesuffix("_core")
    if not (error.name or "").startswith(module):
        return error
    command = f'pip install -U "spancast[{extra}]"'
    try:
        found = version(package)
    except PackageNotFoundError:
        found = None
    if found is not None and _numbers(found) < _numbers(at_least):
        message = f"{adapter} needs {package} {at_least} or newer, and {found} is installed: {command}"
    elif found is None or not _is_there(error.name or ""):
        message = f"{adapter} needs {framework}, which is not installed: {command.replace(' -U', '')}"
    else:
        return error
    return type(error)(message, name=error.name)


def _is_there(module: str) -> bool:
    """Return whether the package that *module* belongs to can be found."""
    try:
        return find_spec(module.partition(".")[0]) is not None
    except ValueError:  # something has taken it out of `sys.modules`
        return False


def _numbers(release: str) -> list[int]:
    numbers = []
    for part in release.split(".")[:3]:
        digits = part[: next((index for index, sign in enumerate(part) if not sign.isdecimal()), len(part))]
        numbers.append(int(digits[:9] or 0))
    return numbers + [0] * (3 - len(numbers))
