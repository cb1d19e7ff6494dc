"""The parity tests need the real PyTorch: without it they are left out, and the report says so."""

from importlib.util import find_spec

HAS_TORCH = find_spec("torch") is not None
collect_ignore_glob = [] if HAS_TORCH else ["test_*.py"]


def pytest_report_header() -> str:
    """A line at the head of the report."""
    return f"parity with PyTorch: {'tested' if HAS_TORCH else 'left out, torch is not installed'}"
