"""What the estimator takes from scikit-learn, or the little of it that works alone."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

try:
    import sklearn  # noqa: F401
except ImportError:
    HAS_SKLEARN = False
else:
    HAS_SKLEARN = True

if HAS_SKLEARN and not TYPE_CHECKING:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import DataConversionWarning, NotFittedError
else:

    class NotFittedError(ValueError, AttributeError):
        """An estimator that is used before `fit`."""

    class DataConversionWarning(UserWarning):
        """Data that are taken in another form than they were given."""

    class ClassifierMixin:
        """Says that an estimator classifies."""

        _estimator_type = "classifier"

    class BaseEstimator:
        """Parameters by the names of the constructor's arguments, as in scikit-learn."""

        @classmethod
        def _get_param_names(cls) -> list[str]:
            return sorted(name for name in inspect.signature(cls).parameters)

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            """The parameters of the constructor with their values."""
            return {name: getattr(self, name) for name in self._get_param_names()}

        def set_params(self, **params: Any) -> Any:
            """Sets parameters of the constructor.

            Raises
            ------
            ValueError
                For a name that is none of them.
            """
            known = self._get_param_names()
            for name, value in params.items():
                if name not in known:
                    raise ValueError(f"{name}: no such parameter; expected one of {', '.join(known)}")
                setattr(self, name, value)
            return self

        def __repr__(self) -> str:
            defaults = inspect.signature(type(self)).parameters
            changed = [
                f"{name}={value!r}"
                for name, value in self.get_params().items()
                if value is not defaults[name].default
            ]
            return f"{type(self).__name__}({', '.join(changed)})"

        def __getstate__(self) -> dict[str, Any]:
            return dict(self.__dict__)

        def __setstate__(self, state: dict[str, Any]) -> None:
            self.__dict__.update(state)


__all__ = ["HAS_SKLEARN", "BaseEstimator", "ClassifierMixin", "DataConversionWarning", "NotFittedError"]
