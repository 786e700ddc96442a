"""The explorer as a Jupyter widget, which can send requests to the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from .page import module, style


class ExplorerWidget(anywidget.AnyWidget):  # type: ignore[misc]
    """The widget; payload: JSON; answer: a function from the page's message to the answer."""

    _esm = module()
    _css = style()
    payload = traitlets.Unicode().tag(sync=True)

    def __init__(self, payload: str, answer: Callable[[Any], Any]) -> None:
        super().__init__(payload=payload)
        self.on_msg(lambda _widget, message, _buffers: self.send(answer(message)))
