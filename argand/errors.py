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
