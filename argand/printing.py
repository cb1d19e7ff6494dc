"""The printed form of a tensor.

The text is made in four steps, from a NumPy array to what `repr` returns:

1. `_shown_part` picks the elements that appear: all of them, or the edges of a large tensor.
2. `_format_elements` turns those into texts of one width: plain, integer-like or scientific.
3. `_arrange` sets them in brackets and lines.
4. `_append_suffixes` adds `size=`, `dtype=`, `grad_fn=` and the like, where the line has room.

Every decision rests on the shown elements alone, so a summarized tensor costs the same at any
size. Reference: https://docs.pytorch.org/docs/stable/generated/torch.set_printoptions.html
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

# Fixed-point notation gives way to scientific beyond these bounds on the nonzero magnitudes.
_MAX_FIXED_RATIO = 1e3
_MAX_FIXED = 1e8
_MIN_FIXED = 1e-4


class PrintOptions(NamedTuple):
    """How tensors are printed; a value that never changes, replaced by `set_printoptions`.

    Attributes:
        precision: digits after the decimal point.
        threshold: a tensor of more elements than this is summarized by its edges.
        edgeitems: elements shown at each end of a dimension of a summarized tensor.
        linewidth: characters in a line, after which elements and suffixes wrap.
        sci_mode: scientific notation for floats: always, never, or (None) as the values need.

    >>> PrintOptions(precision=2)
    PrintOptions(precision=2, threshold=1000, edgeitems=3, linewidth=80, sci_mode=None)
    """

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}

_current = _PROFILES["default"]


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed from now on.

    Args:
        precision: digits after the decimal point (default 4).
        threshold: number of elements above which a tensor is summarized (default 1000).
        edgeitems: elements shown at each end of a summarized dimension (default 3).
        linewidth: characters in a line (default 80).
        profile: "default", "short" (2 digits, 2 edge items) or "full" (never summarize); the
            other arguments override it. As in PyTorch, any other text has no effect.
        sci_mode: True or False turns scientific notation on or off. As in PyTorch, leaving it
            out returns it to None: the values decide.

    What is left out keeps its value, `sci_mode` excepted.

    >>> ones = np.ones(2, np.float32) / 3
    >>> set_printoptions(precision=2)
    >>> tensor_repr(ones, "float32", True, [])
    'tensor([0.33, 0.33])'
    >>> set_printoptions(profile="default")
    >>> tensor_repr(ones, "float32", True, [])
    'tensor([0.3333, 0.3333])'
    """
    global _current
    base = _current if profile is None else _PROFILES.get(profile, _current)
    _current = PrintOptions(
        precision=base.precision if precision is None else precision,
        threshold=base.threshold if threshold is None else threshold,
        edgeitems=base.edgeitems if edgeitems is None else edgeitems,
        linewidth=base.linewidth if linewidth is None else linewidth,
        sci_mode=sci_mode,
    )


def get_printoptions() -> dict[str, Any]:
    """The options in force, as keyword arguments for `set_printoptions`.

    >>> get_printoptions()["linewidth"]
    80
    """
    return _current._asdict()


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Print with other options inside a `with` block; takes what `set_printoptions` takes.

    >>> with printoptions(sci_mode=True):
    ...     print(tensor_repr(np.array([1.5]), "float64", False, []))
    tensor([1.5000e+00], dtype=torch.float64)
    """
    global _current
    saved = _current
    try:
        set_printoptions(**options)
        yield
    finally:
        _current = saved


def tensor_repr(
    values: np.ndarray,
    dtype_name: str,
    default_dtype: bool,
    suffixes: Sequence[str],
    prefix: str = "tensor(",
) -> str:
    """The text `repr` gives for a tensor.

    Args:
        values: the content, of any shape and strides. The dtypes NumPy lacks (bfloat16) come
            widened to float32, which changes no digit.
        dtype_name: the tensor's own dtype, such as "bfloat16"; printed as `torch.bfloat16`.
        default_dtype: whether the elements alone tell the dtype, so that `dtype=` is left out:
            bool, int64, the default float dtype and its complex counterpart.
        suffixes: further texts in order, such as "requires_grad=True".
        prefix: what stands before the content; its length is the indent of further lines.

    Returns:
        The prefix, the content, the suffixes and a closing parenthesis.

    >>> scores = np.array([[1.0, -2.5], [0.0, np.inf]], np.float32)
    >>> print(tensor_repr(scores, "float32", True, ["grad_fn=<AddBackward0>"]))
    tensor([[ 1.0000, -2.5000],
            [ 0.0000,     inf]], grad_fn=<AddBackward0>)
    >>> tensor_repr(np.zeros((0, 3), np.int64), "int64", True, [])
    'tensor([], size=(0, 3), dtype=torch.int64)'
    """
    options = _current
    indent = len(prefix)
    if values.size == 0:
        content = "[]"
        show_size = values.ndim != 1
        # `tensor([])` means the default float dtype: no other is told by an empty list.
        show_dtype = not (default_dtype and values.dtype.kind == "f")
    else:
        content = _content(values, indent, options)
        show_size = options.edgeitems == 0
        show_dtype = not default_dtype
    details = []
    if show_size:
        details.append(f"size={values.shape}")
    if show_dtype:
        details.append(f"dtype=torch.{dtype_name}")
    details.extend(suffixes)
    return _append_suffixes(prefix + content, details, indent, options.linewidth)


def parameter_repr(tensor_text: str, plain: bool = True) -> str:
    """The text `repr` gives for a parameter, from the text of its tensor.

    Args:
        tensor_text: what `tensor_repr` returned for it.
        plain: False for an instance of a subclass of `Parameter`, whose text (it begins with the
            name of that class) is put in parentheses as well.

    >>> print(parameter_repr("tensor([1.], requires_grad=True)"))
    Parameter containing:
    tensor([1.], requires_grad=True)
    """
    if not plain:
        tensor_text = f"Parameter({tensor_text})"
    return f"Parameter containing:\n{tensor_text}"


def _content(values: np.ndarray, indent: int, options: PrintOptions) -> str:
    """The bracketed elements of an array that is not empty, without prefix and suffixes."""
    summarize = values.size > options.threshold
    if summarize and values.ndim > 0 and options.edgeitems <= 0:
        return "[...]"
    elided = [summarize and size > 2 * options.edgeitems for size in values.shape]
    shown = _shown_part(values, elided, options.edgeitems)
    texts, width = _format_elements(shown, options)
    return _arrange(texts, width, shown.shape, elided, indent, options.linewidth)


def _shown_part(values: np.ndarray, elided: Sequence[bool], edgeitems: int) -> np.ndarray:
    """The elements that are printed: of an elided axis, the first and last `edgeitems`."""
    if not any(elided):
        return values
    indices = [
        [*range(edgeitems), *range(size - edgeitems, size)] if elide else range(size)
        for size, elide in zip(values.shape, elided, strict=True)
    ]
    # One gather over all axes at once: axis by axis would copy whole rows of a huge tensor.
    return values[np.ix_(*indices)]


def _format_elements(shown: np.ndarray, options: PrintOptions) -> tuple[list[str], int]:
    """The padded text of every element in row-major order, and the width that lines count."""
    flat = shown.reshape(-1)
    kind = flat.dtype.kind
    if kind == "c":
        reals, real_width = _format_floats(flat.real.tolist(), options)
        imags, imag_width = _format_floats(flat.imag.tolist(), options)
        texts = [
            f"{real.rjust(real_width)}{'' if imag[0] == '-' else '+'}{imag}j"
            for real, imag in zip(reals, imags, strict=True)
        ]
        return texts, real_width + imag_width + 1
    if kind == "f":
        texts, width = _format_floats(flat.tolist(), options)
    else:
        texts = [str(value) for value in flat.tolist()]
        width = max(map(len, texts))
    return [text.rjust(width) for text in texts], width


def _format_floats(values: Sequence[float], options: PrintOptions) -> tuple[list[str], int]:
    """The unpadded text of every value, and the column width.

    Zeros, infinities and NaNs are padded to the width but do not take part in choosing it, nor
    the notation: a row with `-0.` or `inf` among short numbers is ragged, as in PyTorch.
    """
    magnitudes = [abs(value) for value in values if value != 0 and math.isfinite(value)]
    if magnitudes and _is_scientific(magnitudes, options.sci_mode):
        spec = f".{options.precision}e"
        texts = [format(value, spec) for value in values]
    elif all(map(float.is_integer, magnitudes)):
        # The bare point tells a float from an integer; `inf` and `nan` need no telling.
        texts = [f"{value:.0f}{'.' if math.isfinite(value) else ''}" for value in values]
    else:
        spec = f".{options.precision}f"
        texts = [format(value, spec) for value in values]
    lengths = [
        len(text)
        for text, value in zip(texts, values, strict=True)
        if value != 0 and math.isfinite(value)
    ]
    return texts, max(lengths, default=1)


def _is_scientific(magnitudes: Sequence[float], sci_mode: bool | None) -> bool:
    """Whether the nonzero magnitudes are too large, too small or too far apart for a column."""
    if sci_mode is not None:
        return sci_mode
    smallest = min(magnitudes)
    largest = max(magnitudes)
    too_far_apart = largest / smallest > _MAX_FIXED_RATIO
    return too_far_apart or largest > _MAX_FIXED or smallest < _MIN_FIXED


def _arrange(
    texts: list[str],
    width: int,
    shape: Sequence[int],
    elided: Sequence[bool],
    indent: int,
    linewidth: int,
) -> str:
    """Set row-major element texts in nested brackets, from the innermost axis outwards.

    Rows wrap at `linewidth`; each further axis is set apart by one more line break. The middle
    of an elided axis is marked by dots.
    """
    last = len(shape) - 1
    # A row stands behind `indent` and the brackets of the outer axes; an element takes ", " too.
    per_line = max(1, int((linewidth - indent - last) // (width + 2)))
    for axis in range(last, -1, -1):
        size = shape[axis]
        separator = "," + "\n" * max(1, last - axis) + " " * (indent + axis + 1)
        blocks = []
        for start in range(0, len(texts), size):
            parts = texts[start : start + size]
            if elided[axis]:
                parts.insert(size // 2, " ..." if axis == last else "...")
            if axis == last:
                parts = _lines(parts, per_line)
            blocks.append(f"[{separator.join(parts)}]")
        texts = blocks
    return texts[0]


def _lines(row: Sequence[str], per_line: int) -> list[str]:
    """One row of elements as lines of `per_line` elements."""
    return [", ".join(row[at : at + per_line]) for at in range(0, len(row), per_line)]


def _append_suffixes(text: str, suffixes: Sequence[str], indent: int, linewidth: int) -> str:
    """Close the text with its suffixes, each on a new line where the last one has no room."""
    # PyTorch takes the content's last line for two columns longer than it is.
    column = len(text) - (text.rfind("\n") + 1) + 2
    for suffix in suffixes:
        if column + 2 + len(suffix) > linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += 2 + len(suffix)
    return text + ")"
