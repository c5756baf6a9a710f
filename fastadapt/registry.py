"""One way to find everything that is chosen by name, for what ships and for plugins alike."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from fastadapt.errors import FastadaptError, unknown_name
from fastadapt.trust import ask

T = TypeVar("T")


class Registry(Generic[T]):
    """Names, and the objects that they stand for, imported on first use.

    A target is written `"module:Attribute"`. What ships is given at construction; installed
    packages add names through the entry-point group of the registry; code adds them by `register`.
    `find` also takes a target in place of a name.

    Attributes:
        what: what a name stands for, for error messages: `"agent"`, `"environment"`, ...
        group: the entry-point group that plugins use, e.g. `"fastadapt.agents"`.
    """

    def __init__(self, what: str, group: str, shipped: Mapping[str, str]) -> None:
        self.what = what
        self.group = group
        self._targets: dict[str, str | T] = dict(shipped)
        self._sources = dict.fromkeys(shipped, "fastadapt")
        self._plugins_read = False

    def names(self) -> list[str]:
        """Return all names: those that ship in their order, then the others."""
        return list(self._all())

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __len__(self) -> int:
        return len(self._all())

    def find(self, name: str) -> T:
        """Return what a name, or a target `"module:Attribute"`, stands for.

        Raises:
            FastadaptError: there is no such name, or it cannot be imported.
        """
        targets = self._all()
        if name in targets:
            target = targets[name]
        elif ":" in name:
            ask(f"the {self.what} '{name}'")
            target = name
        else:
            raise unknown_name(self.what, name, targets)
        return self._load(name, target) if isinstance(target, str) else target

    def target(self, name: str) -> str | T:
        """Return what is registered under a name, without importing it.

        Raises:
            FastadaptError: there is no such name.
        """
        if name not in self._all():
            raise unknown_name(self.what, name, self._targets)
        return self._targets[name]

    def source(self, name: str) -> str:
        """Return which package a name comes from.

        Raises:
            FastadaptError: there is no such name.
        """
        self.target(name)
        return self._sources[name]

    def register(self, name: str, target: str | T, source: str = "this process") -> None:
        """Add a name.

        Args:
            name: how it is called in commands and files.
            target: the object, or where it is: `"module:Attribute"`.
            source: who adds it, for error messages.

        Raises:
            FastadaptError: the name is taken.
        """
        if name in self._targets:
            raise FastadaptError(
                f"{source} adds the {self.what} '{name}', which {self._sources[name]} has "
                "already. Give it another name."
            )
        self._targets[name] = target
        self._sources[name] = source

    def _all(self) -> dict[str, str | T]:
        if not self._plugins_read:
            self._plugins_read = True
            self._read_plugins()
        return self._targets

    def _read_plugins(self) -> None:
        from importlib.metadata import entry_points

        for entry in entry_points(group=self.group):
            source = f"package '{entry.dist.name}'" if entry.dist else "an installed package"
            self.register(entry.name, entry.value, source)

    def _load(self, name: str, target: str) -> T:
        module, _, attribute = target.partition(":")
        try:
            found = importlib.import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
        except (Exception, SystemExit) as error:  # whatever a module does when it is imported
            where = "" if name == target else f" (from {self._sources.get(name, 'a file')})"
            kind = "" if isinstance(error, ImportError | AttributeError) else type(error).__name__
            told = f"{kind}: {error}" if kind and str(error) else kind or str(error)
            raise FastadaptError(
                f"The {self.what} '{name}'{where} cannot be imported from '{target}': {told}."
            ) from error
        return found  # pyright: ignore[reportReturnType]
