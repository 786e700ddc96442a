"""A stand-in for Cython's decorators and types, so that the compiled files run as plain Python without Cython."""

from typing import Any


class _Cython:
    """Replaces the cython module: every name is a decorator, with or without arguments, that changes nothing."""

    compiled = False

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *args: Any, **_: Any) -> Any:
        return args[0] if args and callable(args[0]) and args[0] is not self else self

    @staticmethod
    def declare(_type: object, value: object) -> object:
        return value

    @staticmethod
    def cast(_type: object, value: object) -> object:
        return value


cython = _Cython()
