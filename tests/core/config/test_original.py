"""What the .NET original's users write is good here, and nothing of it is dropped in silence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.config import (
    BackplaneOptions,
    GovernanceOptions,
    load_file,
    load_files,
    load_text,
)
from experimentframework_core.errors import ConfigurationError
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    from experimentframework_core.config import Configuration

files = sorted((Path(__file__).parent / "original").iterdir())
TRIAL = (
    "trials:\n- serviceType: ICart\n  selectionMode: {mode}\n"
    "  control: {{key: a, implementationType: A}}\n"
)


@pytest.mark.parametrize("file", files, ids=lambda file: file.name)
def test_its_examples_are_good(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a file as its samples write them, When it is loaded, Then it has no error."""
    monkeypatch.setenv("GOVERNANCE_DB_CONNECTION", "Server=db")
    monkeypatch.setenv("REDIS_CONNECTION", "cache:6379")

    configuration = load_file(file, find_plugin)

    assert configuration.trials or configuration.experiments or configuration.governance


def test_no_section_is_lost_when_files_are_merged(tmp_path: Path) -> None:
    """Given dataPlane and governance in files of their own, When merged, Then both are there."""
    texts = {
        "a.yaml": "dataPlane: {batchSize: 7, backplane: {type: plain}}\n",
        "b.yaml": "governance: {initialState: Approved}\n",
        "c.yaml": TRIAL.format(mode="{type: featureFlag}"),
        "d.yaml": "settings: {proxyStrategy: dispatchProxy}\ndecorators: [{type: metrics}]\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)

    merged = load_files([tmp_path / name for name in texts], find_plugin)

    assert merged.data_plane is not None
    assert merged.data_plane.batch_size == 7
    assert merged.data_plane.backplane == BackplaneOptions(type="plain")
    assert merged.governance == GovernanceOptions(initial_state="Approved")
    assert len(merged.trials) == len(merged.decorators) == 1
    assert merged.settings.proxy_strategy == "dispatchProxy"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            TRIAL.format(mode="{type: openFeature, flagName: x}"),
            (
                "trials[0].selectionMode.flagName: has no effect on the selection mode"
                " 'openFeature'; expected flagKey"
            ),
        ),
        (
            TRIAL.format(mode="{type: targeting, rules: []}"),
            "trials[0].selectionMode.rules: an option of 'targeting'; say it in options",
        ),
        (
            "decorators: [{type: timeout, options: {action: throw}}]",
            (
                "decorators[0].options.action: unknown key 'action'; expected timeout, onTimeout"
                " or fallbackTrialKey"
            ),
        ),
        (
            "governance: {approvalGates: [{type: automatic, toState: Draft, properties: {a: 1}}]}",
            (
                "governance.approvalGates[0].properties: has no effect on the approval gate"
                " 'automatic'; leave it out"
            ),
        ),
        (
            "governance: {approvalGates: [{type: manual, toState: Runing}]}",
            (
                "governance.approvalGates[0].toState: unknown value 'Runing'; expected Draft,"
                " PendingApproval, Approved, Running, Ramping, Paused, RolledBack, Archived or"
                " Rejected; did you mean 'Running'?"
            ),
        ),
        (
            "governance: {policies: [{type: timeWindow, allowedStartTime: '09:00'}]}",
            "governance.policies[0].allowedEndTime: missing; the policy 'timeWindow' needs it",
        ),
        (
            "plugins: {hotReload: {enabled: true}}",
            (
                "plugins: unknown key 'plugins'; expected settings, decorators,"
                " configurationPaths, trials, experiments, dataPlane, governance or"
                " experimentFramework"
            ),
        ),
    ],
)
def test_what_it_drops_in_silence_is_a_problem(text: str, problem: str) -> None:
    """Given what the original reads past, When it is loaded, Then it is said."""
    with pytest.raises(ConfigurationError) as caught:
        load_text(text, find_plugin=find_plugin)

    assert [f"{each.path}: {each.message}" for each in caught.value.problems] == [problem]


def test_every_setting_of_governance_is_read() -> None:
    """Given a policy with every setting, When it is loaded, Then each is there, in its type."""
    configuration = loaded(
        "governance:\n"
        "  enableAutoVersioning: true\n"
        "  policies: [{type: trafficLimit, maxTrafficPercentage: 5, minStableTime: 1.00:00:00}]\n"
    )

    assert configuration.governance is not None
    (policy,) = configuration.governance.policies
    assert configuration.governance.enable_auto_versioning
    assert (policy.max_traffic_percentage, policy.min_stable_time) == (5.0, 86_400_000)


def loaded(text: str) -> Configuration:
    return load_text(text, find_plugin=find_plugin)
