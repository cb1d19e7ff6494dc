"""Nested lists, tuples and dictionaries as flat lists, and back."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class TreeSpec(NamedTuple):
    """What `tree_flatten` leaves of a structure besides its leaves.

    Attributes:
        type: of the container; None for a leaf.
        context: what rebuilding it needs: keys, or a default factory and keys.
        children_specs: one for each element.
    """

    type: Any
    context: Any
    children_specs: tuple[TreeSpec, ...]

    @property
    def num_leaves(self) -> int:
        """How many leaves the structure has."""
        return 1 if self.type is None else sum(c.num_leaves for c in self.children_specs)

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        inside = ", ".join(map(repr, self.children_specs))
        keys = "" if self.context is None else f"{self.context}, "
        return f"{self.type.__name__}({keys}{inside})"

    def is_leaf(self) -> bool:
        """Whether this is no container."""
        return self.type is None


LEAF = TreeSpec(None, None, ())


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _opened(value: Any) -> tuple[Any, Any, list[Any]] | None:
    """The type, context and elements of a container; None for a leaf."""
    kind = type(value)
    if kind is list or kind is tuple or _is_named_tuple(value):
        return kind, None, list(value)
    if kind is dict or kind is OrderedDict:
        return kind, list(value), list(value.values())
    if kind is defaultdict:
        return kind, (value.default_factory, list(value)), list(value.values())
    return None


def tree_flatten(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], TreeSpec]:
    """The leaves of a structure in order, and what is needed to rebuild it.

    >>> tree_flatten({"a": 1, "b": (2, [3])})[0]
    [1, 2, 3]
    """
    opened = None if is_leaf is not None and is_leaf(tree) else _opened(tree)
    if opened is None:
        return [tree], LEAF
    kind, context, elements = opened
    leaves: list[Any] = []
    specs = []
    for element in elements:
        below, spec = tree_flatten(element, is_leaf)
        leaves += below
        specs.append(spec)
    return leaves, TreeSpec(kind, context, tuple(specs))


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """A structure from its leaves.

    >>> tree_unflatten([1, 2, 3], tree_flatten({"a": 0, "b": (0, [0])})[1])
    {'a': 1, 'b': (2, [3])}
    """
    given = list(leaves)
    if len(given) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten: the structure has {treespec.num_leaves} leaves, but got {len(given)}"
        )
    return _built(iter(given), treespec)


def _built(leaves: Any, spec: TreeSpec) -> Any:
    if spec.type is None:
        return next(leaves)
    elements = [_built(leaves, child) for child in spec.children_specs]
    if spec.type is defaultdict:
        factory, keys = spec.context
        return defaultdict(factory, zip(keys, elements))
    if spec.context is not None:
        return spec.type(zip(spec.context, elements))
    return spec.type(*elements) if hasattr(spec.type, "_fields") else spec.type(elements)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves of a structure."""
    return tree_flatten(tree, is_leaf)[0]


def tree_map(function: Callable[..., Any], tree: Any, *rests: Any) -> Any:
    """The structure with `function` of every leaf, and of those at the same places of others.

    >>> tree_map(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    leaves, spec = tree_flatten(tree)
    return tree_unflatten(map(function, leaves, *map(tree_leaves, rests)), spec)


def tree_map_only(kind: Any, function: Callable[[Any], Any], tree: Any) -> Any:
    """The structure with `function` of every leaf of a type."""
    return tree_map(lambda x: function(x) if isinstance(x, kind) else x, tree)


def broadcast_leaves(prefix: Any, spec: TreeSpec) -> list[Any] | None:
    """A value for every leaf, where `prefix` may have one value in the place of a whole part.

    None if `prefix` has another structure.

    >>> broadcast_leaves((0, 1), tree_flatten(("a", ["b", "c"]))[1])
    [0, 1, 1]
    """
    opened = _opened(prefix)
    if opened is None:
        return [prefix] * spec.num_leaves
    kind, context, elements = opened
    if kind is not spec.type or context != spec.context:
        return None
    if len(elements) != len(spec.children_specs):
        return None
    found: list[Any] = []
    for element, child in zip(elements, spec.children_specs):
        below = broadcast_leaves(element, child)
        if below is None:
            return None
        found += below
    return found
