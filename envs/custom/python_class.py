"""Environments that are Python classes, named in a task-set file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from fastadapt.envs.custom.files import kept_folder
from fastadapt.envs.environment import Environment
from fastadapt.errors import FastadaptError, unknown_name
from fastadapt.trust import ask

_FOLDER = "class.json"
_made: dict[tuple[type, str], type[Environment]] = {}


def class_environment(name: str, origin: Path | None) -> type[Environment]:
    """Return the environment `module:Class`; a hash of its model is appended to its id.

    Args:
        name: `module:Class`; the module is searched beside `origin`, then among installed ones.
        origin: the task-set file.

    Raises:
        UntrustedError: a file names it, and there is no consent to run it.
        FastadaptError: there is no such module or class, or it is not an environment.
    """
    module_name, _, class_name = name.partition(":")
    if not class_name or not module_name.replace(".", "").isidentifier():
        raise FastadaptError(f"environment.class = '{name}' must be 'module:Class'.")
    module, folder = _module(module_name, origin)
    found = getattr(module, class_name, None)
    classes = [n for n, c in vars(module).items() if isinstance(c, type)]
    if found is None:
        raise unknown_name(f"class (in '{module_name}') called", class_name, classes)
    found = checked_environment(found, name)
    try:
        content = found.spec().to_xml()
    except Exception as error:  # a user's class may raise anything
        words = " ".join(str(error).split())
        raise FastadaptError(f"The model of '{name}' is not valid: {words}") from None
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    key = (found, digest)
    if key not in _made:
        _made[key] = _with_digest(found, digest, folder)
    return _made[key]


def checked_environment(found: object, name: str) -> type[Environment]:
    """Return a class if it is a complete environment.

    Raises:
        FastadaptError: it is not an environment, or an abstract method is missing.
    """
    if not (isinstance(found, type) and issubclass(found, Environment)):
        raise FastadaptError(
            f"'{name}' is no environment: derive it from fastadapt.envs.Environment or from an "
            "objective in fastadapt.envs.objectives."
        )
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise FastadaptError(f"'{name}' is not complete: it does not define {missing}.")
    return found


def keep_class(environment: type[Environment], origin: Path) -> None:
    """Record beside a task-set file the folder of its environment's module."""
    folder = getattr(environment, "class_folder", None)
    if folder is not None:
        target = kept_folder(origin)
        target.mkdir(parents=True, exist_ok=True)
        (target / _FOLDER).write_text(json.dumps({"folder": str(folder)}), encoding="utf-8")


def _with_digest(cls: type[Environment], digest: str, folder: Path | None) -> type[Environment]:
    def own_id(_: type[Environment]) -> str:
        return f"{cls.name}-v{cls.version}-{digest}"

    content: dict[str, Any] = {
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "id": classmethod(own_id),
        "class_folder": folder,
    }
    return type(cls.__name__, (cls,), content)


def _module(name: str, origin: Path | None) -> tuple[ModuleType, Path | None]:
    """Import a module beside the task-set file, or else an installed one."""
    for folder in _folders(origin):
        path = folder / (name.replace(".", "/") + ".py")
        if path.is_file():
            ask(f"the Python file '{path}'")
            return _import_file(name, path), folder
    ask(f"the module '{name}'")
    try:
        return importlib.import_module(name), None
    except (Exception, SystemExit) as error:  # a module may raise anything
        if not isinstance(error, ImportError):
            raise _unimportable(f"The module '{name}'", error) from None
        if error.name not in (name, name.partition(".")[0]):
            raise FastadaptError(f"The module '{name}' cannot be imported: {error}.") from None
        places = " or ".join(f"'{folder}'" for folder in _folders(origin)) or "the working folder"
        raise FastadaptError(
            f"There is no module '{name}': no {name}.py in {places}, and none is installed."
        ) from None


def _folders(origin: Path | None) -> list[Path]:
    if origin is None:
        return []
    found = [origin.parent.resolve()]
    noted = kept_folder(origin) / _FOLDER
    if noted.is_file():
        try:
            found.append(Path(json.loads(noted.read_text(encoding="utf-8"))["folder"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise FastadaptError(
                f"'{noted}' is damaged. Delete it, and put the Python file beside '{origin}'."
            ) from None
    return found


def _import_file(name: str, path: Path) -> ModuleType:
    """Import a file, again if it has changed since."""
    content = path.read_bytes()
    unique = f"fastadapt_own_{hashlib.sha256(bytes(path) + content).hexdigest()[:12]}_{name}"
    unique = unique.replace(".", "_")
    if unique in sys.modules:
        return sys.modules[unique]
    spec = importlib.util.spec_from_file_location(unique, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        del sys.modules[unique]
        raise _unimportable(f"'{path}'", error) from None
    return module


def _unimportable(what: str, error: BaseException) -> FastadaptError:
    words = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":. ")
    return FastadaptError(f"{what} cannot be imported: {words[:300]}.")
