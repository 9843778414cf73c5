"""What can go wrong, in one line each, for the user."""

from __future__ import annotations

import pickle
from importlib import import_module
from typing import Any

from safetensors import SafetensorError

# What loading weights raises for a file that is none, or of another model.
WRONG_WEIGHTS = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    AssertionError,
    pickle.PickleError,
    SafetensorError,
)


class ExtractError(Exception):
    """A wrong request or input; the command prints the message and exits with 2."""


class MissingPackage(ExtractError):
    """A package that an encoder needs is not installed, or cannot be imported."""


class MediaError(Exception):
    """A clip that cannot be decoded; the clip is listed with the message."""


class NothingToEncode(Exception):
    """A clip without what the encoder takes: no sound, no picture, no face. Its row is missing."""


def need(module: str, install: str) -> Any:
    """The imported `module`, which only some encoders need.

    Raises:
        MissingPackage: with what to install, or with the reason why it cannot be imported.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.split(".")[0] == error.name.split(".")[0]:
            raise MissingPackage(f"{module} is not installed: pip install {install}") from error
        raise MissingPackage(
            f"{module} cannot be imported, because {error.name} is not installed: pip install {install}"
        ) from error
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise MissingPackage(f"{module} cannot be imported: {reason}") from error
