"""The root of the language: every section of a configuration, side by side."""

from __future__ import annotations

from typing import Literal, TypeAlias

from experimentframework_core.config._model.data_plane import DataPlaneOptions, Options, Text
from experimentframework_core.config._model.decorators import DecoratorOptions
from experimentframework_core.config._model.experiments import ExperimentOptions, TrialOptions
from experimentframework_core.config._model.governance import GovernanceOptions
from experimentframework_core.config._model.values import Label
from experimentframework_core.config._problems.problem import Problem
from experimentframework_core.errors import ConfigurationError

ProxyStrategy: TypeAlias = Literal["sourceGenerators", "dispatchProxy"]


class SettingsOptions(Options, frozen=True, kw_only=True):
    """The section ``settings``: what the .NET ExperimentFramework reads of a shared file.

    Attributes:
        proxy_strategy: How services are wrapped there: ``sourceGenerators`` or ``dispatchProxy``.
        naming_convention: How flags and keys are named after service types: ``default``, or the
            name of a type in code, with its module, as in ``my_app.Names``.
    """

    proxy_strategy: ProxyStrategy = "sourceGenerators"
    naming_convention: Label = "default"


class Configuration(Options, frozen=True, kw_only=True):
    """A whole configuration: what stands in ``experimentFramework``.

    Attributes:
        settings: What holds for everything.
        decorators: What is wrapped around every trial, the outermost first.
        configuration_paths: More files to read, as paths or globs from the file that names them.
        trials: Trials that belong to no experiment.
        experiments: Named experiments.
        data_plane: What is published, how it waits, where it goes. None: nothing is published.
        governance: How experiments come to life, and within which limits. None: not governed.
    """

    settings: SettingsOptions = SettingsOptions()
    decorators: tuple[DecoratorOptions, ...] = ()
    configuration_paths: tuple[Text, ...] = ()
    trials: tuple[TrialOptions, ...] = ()
    experiments: tuple[ExperimentOptions, ...] = ()
    data_plane: DataPlaneOptions | None = None
    governance: GovernanceOptions | None = None


def data_plane_of(configuration: Configuration, file: str) -> DataPlaneOptions:
    """Return the data plane's options, for those who cannot do without.

    Args:
        configuration: The whole configuration.
        file: Where it came from; the problem names it.

    Raises:
        ConfigurationError: It has no ``dataPlane``.
    """
    if configuration.data_plane is None:
        message = (
            "missing; expected a mapping with a backplane, for without it nothing is published"
        )
        raise ConfigurationError((Problem(message=message, path="dataPlane", file=file),))
    return configuration.data_plane
