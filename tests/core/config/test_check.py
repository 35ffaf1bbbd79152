"""What a file may not say, with the exact words of each problem."""

from __future__ import annotations

import textwrap

import pytest

from experimentframework_core.errors import ConfigurationError
from tests.core.config.sample_plugins import load


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    return str(caught.value).splitlines()


PLANE = {
    "batchSize: 0": ["2:3: dataPlane.batchSize: out of range: 0; expected a whole number, at least 1"],
    "batchSize: many": [
        "2:3: dataPlane.batchSize: unexpected text 'many'; expected a whole number, at least 1"
    ],
    "batchSize: 1.5": [
        "2:3: dataPlane.batchSize: unexpected number 1.5; expected a whole number, at least 1"
    ],
    "batchSize: true": [
        "2:3: dataPlane.batchSize: unexpected boolean true; expected a whole number, at least 1"
    ],
    "batchSize:": [
        "2:3: dataPlane.batchSize: unexpected null; expected a whole number, at least 1"
    ],
    "batchSize: [1]": [
        "2:3: dataPlane.batchSize: unexpected list; expected a whole number, at least 1"
    ],
    "batchSize: {a: 1}": [
        "2:3: dataPlane.batchSize: unexpected mapping; expected a whole number, at least 1"
    ],
    "batchSize: 99999999999999999999": [
        "2:3: dataPlane.batchSize: out of range: 99999999999999999999; expected a whole number, at"
        " least 1"
    ],
    "batchsize: 5": ["2:3: dataPlane.batchsize: unknown key 'batchsize'; did you mean 'batchSize'?"],
    "batch_size: 5": [
        "2:3: dataPlane.batch_size: unknown key 'batch_size'; did you mean 'batchSize'?"
    ],
    "samplingRate: 1.01": [
        "2:3: dataPlane.samplingRate: out of range: 1.01; expected a number, 0 to 1"
    ],
    "samplingRate: .nan": [
        "2:3: dataPlane.samplingRate: out of range: nan; expected a number, 0 to 1"
    ],
    "samplingRate: 10%": [
        "2:3: dataPlane.samplingRate: unexpected text '10%'; expected a number, 0 to 1"
    ],
    "samplingSalt: ''": [
        "2:3: dataPlane.samplingSalt: too short: ''; expected text, at least 1 character"
    ],
    "samplingSalt: 5": [
        "2:3: dataPlane.samplingSalt: unexpected number 5; expected text, at least 1 character, in"
        " quotes"
    ],
    f"samplingSalt: {'ä' * 33}": [
        "2:3: dataPlane.samplingSalt: 66 bytes in UTF-8; expected at most 64"
    ],
    "enableExposureEvents: yes": [
        "2:3: dataPlane.enableExposureEvents: unexpected text 'yes'; expected true or false"
    ],
    "flushIntervalMs: 10S": [
        "2:3: dataPlane.flushIntervalMs: unexpected text '10S'; expected 0 or more milliseconds, or"
        " a duration as in 250ms, 10s, 5m, 2h or 1d; did you mean '10s'?"
    ],
    "flushIntervalMs: -1": [
        "2:3: dataPlane.flushIntervalMs: out of range: -1; expected 0 or more milliseconds, or a"
        " duration as in 250ms, 10s, 5m, 2h or 1d"
    ],
    "batchBytes: 1 parsec": [
        "2:3: dataPlane.batchBytes: unexpected text '1 parsec'; expected 1 or more bytes, or a size"
        " as in 64KiB, 1MiB or 1GB"
    ],
    "onFailure: deadletter": [
        "2:3: dataPlane.onFailure: unknown value 'deadletter'; expected deadLetter or drop; did you"
        " mean 'deadLetter'?"
    ],
    "failureMode: explode": [
        "2:3: dataPlane.failureMode: unknown value 'explode'; expected drop or block"
    ],
    "onFailure: 5": [
        "2:3: dataPlane.onFailure: unexpected number 5; expected deadLetter or drop"
    ],
    "buffer: memory": ["2:3: dataPlane.buffer: unexpected text; expected a mapping"],
    "buffer: {type: disk}": [
        "2:12: dataPlane.buffer.type: 'disk' is not available in this version; expected memory"
    ],
    "buffer: {whenFull: overflow}": [
        "2:12: dataPlane.buffer.whenFull: 'overflow' is not available in this version; expected"
        " dropNewest, dropOldest or block"
    ],
    "buffer: {path: spool}": [
        "2:12: dataPlane.buffer.path: has no effect on a buffer in memory; leave it out"
    ],
    "buffer: {commitIntervalMs: 9}": [
        "2:12: dataPlane.buffer.commitIntervalMs: has no effect on a buffer in memory; leave it out"
    ],
    "ack: durable": [
        "2:3: dataPlane.ack: 'durable' is not available in this version; expected accepted or"
        " delivered"
    ],
    "exposureSemantics: explicit": [
        "2:3: dataPlane.exposureSemantics: 'explicit' is not available in this version; expected"
        " onDecision"
    ],
    "deadLetter: {type: file, options: {folder: x}}": [
        "2:16: dataPlane.deadLetter.type: 'file' is not available in this version; expected sqlite"
    ],
    "deadLetter: {options: {folder: x}}": [
        "2:26: dataPlane.deadLetter.options.folder: unknown key 'folder'; expected path"
    ],
    "retry: {jitter: none}": [
        "2:11: dataPlane.retry.jitter: unknown value 'none'; expected full"
    ],
    "retry: {initialDelayMs: 2s, maxDelayMs: 1s}": [
        "2:11: dataPlane.retry.initialDelayMs: longer than maxDelayMs"
    ],
    "breaker: {openMs: 1m}": ["2:13: dataPlane.breaker.openMs: longer than maxOpenMs"],
    "concurrency: 65": [
        "2:3: dataPlane.concurrency: out of range: 65; expected a whole number, 1 to 64"
    ],
    "piiRedaction: {redactFields: [experimentName, email]}": [
        "2:33: dataPlane.piiRedaction.redactFields[0]: 'experimentName' cannot be redacted: events"
        " are routed and counted by it"
    ],
    "piiRedaction: {redactFields: [subjectId]}": [
        "2:33: dataPlane.piiRedaction.redactFields[0]: 'subjectId' has a setting of its own; say"
        " redactSubjectIds: true"
    ],
    "piiRedaction: {redactFields: [timestamp]}": [
        "2:33: dataPlane.piiRedaction.redactFields[0]: 'timestamp' cannot be redacted: it is not"
        " text, so it cannot hold the placeholder"
    ],
    "piiRedaction: {hashKey: 5}": [
        "2:18: dataPlane.piiRedaction.hashKey: unexpected number; expected text, in quotes"
    ],
    "piiRedaction: {hashKey: ''}": [
        "2:18: dataPlane.piiRedaction.hashKey: empty secret; expected text"
    ],
    r'"bat\nch": 1': [
        r"2:3: dataPlane.bat\nch: unknown key 'bat\nch'; did you mean 'batchSize'?"
    ],
}


@pytest.mark.parametrize("line", PLANE)
def test_a_bad_line_of_the_plane_is_said_exactly(line: str) -> None:
    """Given one bad line in dataPlane, When it is loaded, Then its problem says place and mend."""
    found = problems(f"dataPlane:\n  {line}\n  backplane: {{type: plain}}\n")

    assert found == [f"e.yaml:{expected}" for expected in PLANE[line]]


def test_both_spellings_at_once_are_a_problem() -> None:
    """Given the older and the newer spelling, When loaded, Then one must go."""
    found = problems(
        textwrap.dedent("""\
            dataPlane:
              maxQueueSize: 5
              failureMode: block
              buffer: {maxEvents: 5, whenFull: block}
              backplane: {type: plain}
            """)
    )

    assert found == [
        "e.yaml:2:3: dataPlane.maxQueueSize: says the same as buffer.maxEvents; leave one out",
        "e.yaml:3:3: dataPlane.failureMode: says the same as buffer.whenFull; leave one out",
    ]


BACKPLANE = {
    "{}": ["2:3: dataPlane.backplane.type: missing; expected text, at least 1 character"],
    "{type: pigeon, options: {x: 1}}": [
        "2:15: dataPlane.backplane.type: no type 'pigeon'; pip install it"
    ],
    "{type: openTelemetry}": [
        "2:15: dataPlane.backplane.type: 'openTelemetry' is not available in this version"
    ],
    "{type: courier}": [
        "2:3: dataPlane.backplane.options.addresses: missing; expected a list or text"
    ],
    "{type: courier, options: [a]}": [
        "2:30: dataPlane.backplane.options: unexpected list; expected a mapping"
    ],
    "{type: plain, retries: 5}": [
        "2:28: dataPlane.backplane.retries: unknown key 'retries'; did you mean 'retry'?"
    ],
    "{type: plain, zzz: 5, options: {}}": [
        "2:28: dataPlane.backplane.zzz: unknown key 'zzz'; expected type, options, name, events,"
        " backplanes, require, batchSize, batchBytes, flushIntervalMs, buffer, retry, breaker,"
        " concurrency, deliveryTimeoutMs, openTimeoutMs, ackTimeoutMs, maxEventBytes, onFailure or"
        " deadLetter"
    ],
    "{type: plain, events: [exposur]}": [
        "2:37: dataPlane.backplane.events[0]: unknown event type 'exposur'; expected exposure,"
        " assignment, outcome, analysisSignal, error or governance; did you mean 'exposure'?"
    ],
    "{type: plain, events: exposure}": [
        "2:28: dataPlane.backplane.events: unexpected text; expected a list"
    ],
    "{type: plain, events: []}": [
        "2:28: dataPlane.backplane.events: empty; expected at least 1 event type, or leave it out to"
        " take all"
    ],
    "{type: plain, require: any}": ["2:28: dataPlane.backplane.require: only a composite has it"],
    "{type: plain, backplanes: []}": [
        "2:28: dataPlane.backplane.backplanes: only a composite or failover has it"
    ],
    "{type: composite}": [
        "2:3: dataPlane.backplane.backplanes: missing; expected at least 1 backplane"
    ],
    "{type: failover, backplanes: []}": [
        "2:31: dataPlane.backplane.backplanes: missing; expected at least 1 backplane"
    ],
    "{type: composite, options: {a: 1}, batchSize: 5, backplanes: [{type: plain}]}": [
        "2:32: dataPlane.backplane.options: a composite has no options; say them on each of its"
        " backplanes",
        "2:49: dataPlane.backplane.batchSize: has no effect on a composite; say it on each of its"
        " backplanes",
    ],
    "{type: failover, backplanes: [{type: plain, events: [error], options: {batchSize: 5}}]}": [
        "2:58: dataPlane.backplane.backplanes[0].events: has no effect on a member of a failover;"
        " say it on the failover",
        "2:85: dataPlane.backplane.backplanes[0].options.batchSize: has no effect on a member of a"
        " failover; say it on the failover",
    ],
    "{type: composite, backplanes: [{type: composite, backplanes: [{type: plain}]}]}": [
        "2:46: dataPlane.backplane.backplanes[0].type: a composite inside a composite; list its"
        " backplanes in the outer one"
    ],
    "{type: failover, backplanes: [{type: failover, backplanes: [{type: plain}]}]}": [
        "2:45: dataPlane.backplane.backplanes[0].type: a failover inside a failover; list its"
        " backplanes in the outer one",
    ],
    "{type: failover, backplanes: [{type: composite, backplanes: [{type: plain}]}]}": [
        "2:45: dataPlane.backplane.backplanes[0].type: a composite inside a failover; expected"
        " single backplanes"
    ],
    "{type: composite, backplanes: [{type: plain}, {type: plain}]}": [
        "2:61: dataPlane.backplane.backplanes[1].type: the name 'plain' is taken by"
        " dataPlane.backplane.backplanes[0]; give each backplane its own"
    ],
    "{type: composite, backplanes: [{type: plain, name: a}, {name: a, type: courier}]}": [
        "2:69: dataPlane.backplane.backplanes[1].options.addresses: missing; expected a list or text",
        "2:70: dataPlane.backplane.backplanes[1].name: the name 'a' is taken by"
        " dataPlane.backplane.backplanes[0]; give each backplane its own",
    ],
    "{type: composite, require: most, backplanes: [plain]}": [
        "2:32: dataPlane.backplane.require: unknown value 'most'; expected all or any",
        "2:60: dataPlane.backplane.backplanes[0]: unexpected text; expected a mapping",
    ],
}


@pytest.mark.parametrize("node", BACKPLANE)
def test_a_bad_backplane_is_said_exactly(node: str) -> None:
    """Given one bad backplane, When it is loaded, Then its problems say place and mend."""
    found = problems(f"dataPlane:\n  backplane: {node}\n")

    assert found == [f"e.yaml:{expected}" for expected in BACKPLANE[node]]


OPTIONS = {
    "partitionBy: experimentkey2": [
        "6:7: dataPlane.backplane.options.partitionBy: unknown value 'experimentkey2'; expected"
        " experimentKey, subjectId, tenantId or roundRobin; did you mean 'experimentKey'?"
    ],
    "speed: fsat": [
        "6:7: dataPlane.backplane.options.speed: unknown value 'fsat'; expected slow or fast; did"
        " you mean 'fast'?"
    ],
    "acks: 2": ["6:7: dataPlane.backplane.options.acks: unexpected number 2; expected all, 1 or 0"],
    "code: TOOLONG": [
        "6:7: dataPlane.backplane.options.code: too long: 'TOOLONG'; expected text, at most 5"
        " characters, matching ^[a-z]+$"
    ],
    "code: A1": [
        "6:7: dataPlane.backplane.options.code: malformed: 'A1'; expected text, at most 5"
        " characters, matching ^[a-z]+$"
    ],
    "code: crash": [
        "3:5: dataPlane.backplane.type: the plugin failed in its check: RuntimeError: a bug of the"
        " plugin"
    ],
    "weight: 0": [
        "6:7: dataPlane.backplane.options.weight: out of range: 0; expected a number, more than 0,"
        " less than 10"
    ],
    "routes: {north: x}": [
        "6:16: dataPlane.backplane.options.routes.north: no courier rides north; leave it out"
    ],
    "routes: {south: 5}": [
        "6:16: dataPlane.backplane.options.routes.south: unexpected number 5; expected text, in"
        " quotes"
    ],
    "login: {password: hunter2}": [
        "6:7: dataPlane.backplane.options.login.userName: missing; expected text"
    ],
    "login: {userName: u, password: [hunter2]}": [
        "6:28: dataPlane.backplane.options.login.password: unexpected list; expected text"
    ],
    "place: [1]": [
        "6:7: dataPlane.backplane.options.place: unexpected list; expected a list of 2"
    ],
    "place: [1, x]": [
        "6:18: dataPlane.backplane.options.place[1]: unexpected text 'x'; expected a whole number"
    ],
    "tags: [a, b, c]": [
        "6:7: dataPlane.backplane.options.tags: 3 items; expected a list, at most 2 items"
    ],
    "batchSize: none": [
        "6:7: dataPlane.backplane.options.batchSize: unexpected text 'none'; expected a whole"
        " number, at least 1"
    ],
}


@pytest.mark.parametrize("line", OPTIONS)
def test_a_bad_option_of_a_plugin_is_said_exactly(line: str) -> None:
    """Given one bad option of a plugin, When it is loaded, Then its problem says place and mend."""
    head = "dataPlane:\n  backplane:\n    type: courier\n    options:\n      addresses: a\n"

    found = problems(f"{head}      {line}\n")

    assert found == [f"e.yaml:{expected}" for expected in OPTIONS[line]]


UNION = {
    "5": ["2:40: dataPlane.backplane.options.addresses: unexpected number; expected a list or text"],
    "{a: 1}": [
        "2:40: dataPlane.backplane.options.addresses: unexpected mapping; expected a list or text"
    ],
    "[a, 5]": [
        "2:55: dataPlane.backplane.options.addresses[1]: unexpected number 5; expected text, in"
        " quotes"
    ],
}


@pytest.mark.parametrize("addresses", UNION)
def test_a_union_says_what_it_would_take(addresses: str) -> None:
    """Given a field that takes a list or text, When it has neither, Then both are offered."""
    node = f"{{type: courier, options: {{addresses: {addresses}}}}}"

    found = problems(f"dataPlane:\n  backplane: {node}\n")

    assert found == [f"e.yaml:{expected}" for expected in UNION[addresses]]


ROOT = {
    "- 1": ["1:1: unexpected list; expected a mapping with the key dataPlane"],
    "hello": ["1:1: unexpected text; expected a mapping with the key dataPlane"],
    "{}": ["1:1: dataPlane: missing; expected a mapping"],
    "dataPlane:": ["1:1: dataPlane: unexpected null; expected a mapping"],
    "dataPlane: {}": [
        "1:1: dataPlane.backplane: missing; expected a mapping with type and options"
    ],
    "dataplane: {backplane: {type: plain}}": [
        "1:1: dataplane: unknown key 'dataplane'; expected dataPlane or experimentFramework; did you"
        " mean 'dataPlane'?",
        "1:1: dataPlane: missing; expected a mapping",
    ],
    "experimentFramework:\n  dataPlane: {batchSize: 0, backplane: {type: plain}}": [
        "2:15: dataPlane.batchSize: out of range: 0; expected a whole number, at least 1"
    ],
    "experimentFramework:\n  experimentFramework: {}": [
        "1:1: dataPlane: missing; expected a mapping",
        "2:3: experimentFramework: unknown key 'experimentFramework'; expected dataPlane",
    ],
    "settings: {}\ndataPlane: {backplane: {type: plain}}\ntrials: []": [
        "1:1: settings: the section 'settings' is not available in this version",
        "3:1: trials: the section 'trials' is not available in this version",
    ],
    "experimentFramework: {dataPlane: {backplane: {type: plain}}}\ndataPlane: {}": [
        "2:1: dataPlane: unknown key 'dataPlane'; expected experimentFramework"
    ],
}


@pytest.mark.parametrize("text", ROOT)
def test_a_bad_root_is_said_exactly(text: str) -> None:
    """Given a root without a data plane, When it is loaded, Then the problem says what belongs."""
    found = problems(text)

    assert found == [f"e.yaml:{expected}" for expected in ROOT[text]]


def test_all_problems_are_said_at_once_in_the_order_of_the_file() -> None:
    """Given problems of every kind in one file, When it is loaded, Then all come, in order."""
    found = problems(
        textwrap.dedent("""\
            experimentFramework:
              governance: {}
              dataPlane:
                batchSize: 0
                batchSize: 5
                buffer: {maxBytes: 1MiB, sise: 3}
                retry: {initialDelayMs: 1h}
                backplane:
                  type: courier
                  name: ${NOT_SET_AT_ALL}
                  options:
                    addresses: [a, b]
                    partitionBy: experimentkey2
                    routes: {north: x}
            """)
    )

    assert [line.split(" ")[0] for line in found] == [
        "e.yaml:2:3:",
        "e.yaml:4:5:",
        "e.yaml:5:5:",
        "e.yaml:6:30:",
        "e.yaml:7:13:",
        "e.yaml:10:13:",
        "e.yaml:13:9:",
        "e.yaml:14:18:",
    ]


def test_an_order_by_subject_needs_a_hash_key_when_subjects_are_redacted() -> None:
    """Given a backplane ordered by subject, When subjects are redacted, Then pseudonyms must be."""
    text = textwrap.dedent("""\
        dataPlane:
          piiRedaction: {redactSubjectIds: true}
          backplane: {type: courier, options: {addresses: a, partitionBy: subjectId}}
        """)

    found = problems(text)
    by_experiment = load(text.replace("subjectId}", "experimentKey}"))
    with_a_key = load(text.replace("true}", "true, hashKey: k}"))

    assert found == [
        "e.yaml:2:3: dataPlane.piiRedaction.hashKey: missing; backplane 'courier' keeps events in"
        " order by subject, and redactSubjectIds would make all subjects one"
    ]
    assert by_experiment.pii_redaction.redact_subject_ids
    assert with_a_key.pii_redaction.hash_key is not None
