"""One form for error texts: the operation, the rule it has, what it got, and a hint."""


def message(operation: str, rule: str, got: str = "", hint: str = "") -> str:
    """Join the parts of an error text.

    >>> message("matmul", "inner sizes must be equal", "3 and 4", "transpose one operand")
    'matmul: inner sizes must be equal, but got 3 and 4 (transpose one operand)'
    """
    text = f"{operation}: {rule}"
    if got:
        text += f", but got {got}"
    if hint:
        text += f" ({hint})"
    return text


class MissingError(NotImplementedError, AttributeError):
    """A name of PyTorch that Argand does not have (yet); `hasattr` sees that it is not there."""


def missing(module: str, name: str) -> AttributeError:
    """The error for a name that a module does not have.

    >>> missing("argand.nn.functional", "conv9d")
    MissingError("argand.nn.functional does not have 'conv9d' (yet)")
    """
    if name.startswith("_"):
        return AttributeError(f"module {module!r} has no attribute {name!r}")
    return MissingError(f"{module} does not have {name!r} (yet)")
