"""Where an error was raised: the path of the layer, noted on the exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argand.tensor import Tensor

if TYPE_CHECKING:
    from argand.nn.modules.module import Module

_PLACE = "_argand_place"


class _Place:
    """The layer that an exception came from, seen from the module that it has reached."""

    def __init__(self, module: Module, args: tuple[Any, ...]) -> None:
        self.layer = module
        self.got = ", ".join(map(_described, args))
        self.reached = module
        self.path = ""
        self.note = ""

    def leave(self, module: Module) -> None:
        """The exception passes on to `module`, which called the one it has reached."""
        name = next((n for n, m in module.named_modules() if m is self.reached), "?")
        self.path = f"{name}.{self.path}" if self.path else name
        self.reached = module

    def text(self) -> str:
        shown = repr(self.layer)
        if "\n" in shown:
            shown = type(self.layer).__name__
        within = f"'{self.path}' of {type(self.reached).__name__}: " if self.path else ""
        return f"in the layer {within}{shown}, called with ({self.got})"


def note_layer(error: Exception, module: Module, args: tuple[Any, ...]) -> None:
    """Let an exception that leaves the call of `module` tell which layer raised it.

    The text is a note of the exception; Python 3.10 has no notes and gets a longer message.
    """
    place = getattr(error, _PLACE, None)
    if place is None:
        place = _Place(module, args)
        try:
            setattr(error, _PLACE, place)
        except AttributeError:  # an exception that takes no attributes
            return
    elif place.reached is not module:
        place.leave(module)
    else:
        return
    before, place.note = place.note, place.text()
    if not hasattr(error, "add_note"):
        _lengthen(error, before, place.note)
        return
    notes = getattr(error, "__notes__", [])
    if before in notes:
        notes[notes.index(before)] = place.note
    else:
        error.add_note(place.note)


def _lengthen(error: Exception, before: str, note: str) -> None:
    """Put the note behind the message, in the place of the one that is there."""
    if error.args and isinstance(error.args[0], str):
        text = error.args[0].removesuffix(f"\n{before}") if before else error.args[0]
        error.args = (f"{text}\n{note}", *error.args[1:])


def _described(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype.name}{list(value.shape)}"
    return type(value).__name__
