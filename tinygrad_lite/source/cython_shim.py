"""A stand-in for Cython's decorators and types: with it compiled files run as plain Python where Cython is missing."""

from typing import Any


class _Cython:
    """Every name is a decorator, or a decorator with arguments, that changes nothing; types are only annotations."""

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
