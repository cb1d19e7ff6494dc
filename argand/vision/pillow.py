"""Pillow, which is optional: loaded only when a PIL image has to be made or read."""

import sys
from typing import Any

from argand.errors import message


def pil_image(purpose: str) -> Any:
    """The module `PIL.Image`, or ImportError that says what it was needed for."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            message(purpose, "needs Pillow", "no module PIL", "pip install pillow")
        ) from error
    return Image


def is_pil_image(value: Any) -> bool:
    """Whether `value` is a PIL image, without loading Pillow.

    >>> is_pil_image([1, 2])
    False
    """
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)
