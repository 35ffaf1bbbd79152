"""What is wrong with options of Azure Service Bus, each with its exact message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core.config import load_text
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.plugins import find_plugin
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._check import check_service_bus

KEY = "SharedAccessKeyName=send;SharedAccessKey=hunter2="
WHOLE = f"Endpoint=sb://shop.servicebus.windows.net/;{KEY}"
PIECES = (
    "Endpoint=",
    "sb://shop",
    "SharedAccessKeyName=",
    "SharedAccessKey=",
    "EntityPath=",
    "hunter2",
    "=",
    ";",
    ":",
    " ",
)
CHARACTERS = (
    "letters, digits, '.', '-', '_' and '/' of ASCII only, with a letter or digit at each end"
)
OF_SUBSCRIPTIONS = (
    "letters, digits, '.', '-' and '_' of ASCII only, with a letter or digit at each end"
)


def options(text: str = WHOLE, **said: object) -> ServiceBusOptions:
    """Return options with a connection string and a queue, and these said."""
    values = {"connection_string": Secret(text), "queue_name": "events", **said}
    return ServiceBusOptions(**values)  # type: ignore[arg-type]


def said(bad: ServiceBusOptions) -> list[tuple[str, str]]:
    """Return the path and message of all that is wrong with options."""
    return [(path, message) for path, message, *_ in check_service_bus(bad)]


@pytest.mark.parametrize(
    "good",
    [
        options(),
        options(f"{WHOLE};"),
        options(f" endpoint = sb://shop.servicebus.windows.net ; {KEY} ; EntityPath = Events "),
        options("Endpoint=sb://shop.servicebus.windows.net/;SharedAccessSignature=sr=x&sig=y="),
        options(f"Endpoint=sb://localhost:5672;{KEY};UseDevelopmentEmulator=true;"),
        options(queue_name=None, topic_name="a.b/c-d_E9"),
        options(queue_name=None, use_type_specific_destinations=True),
        options(queue_name="x" * 260),
        options(queue_name=None, topic_name="events", subscription_name="a.b-c_D" * 7),
        options(queue_name=None, use_type_specific_destinations=True, subscription_name="analysts"),
        options(enable_sessions=True, session_strategy="tenantId"),
        ServiceBusOptions(
            fully_qualified_namespace="shop.servicebus.windows.net", topic_name="events"
        ),
    ],
)
def test_good_options_have_no_problem(good: ServiceBusOptions) -> None:
    """Given options that work, When they are checked, Then nothing is said."""
    found = list(check_service_bus(good))

    assert found == []


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (KEY, ["it has no Endpoint"]),
        (f"Endpoint=;{KEY}", ["its Endpoint is empty"]),
        *(
            (
                f"Endpoint={endpoint};{KEY}",
                ["its Endpoint is not a host as in sb://shop.servicebus.windows.net/"],
            )
            for endpoint in (
                "https://shop",
                "shop",
                "sb://",
                "sb://a b",
                "sb://shop/queue",
                "sb://a..b",
            )
        ),
        (
            f"Endpoint=sb://shop:5671;{KEY}",
            ["its Endpoint has a port, which only UseDevelopmentEmulator=true takes"],
        ),
        (
            f"Endpoint=sb://shop:99999;{KEY};UseDevelopmentEmulator=true",
            ["the port of its Endpoint is no number from 1 to 65,535"],
        ),
        (
            f"{WHOLE};UseDevelopmentEmulator=True",
            ["its UseDevelopmentEmulator is neither true nor false, in small letters"],
        ),
        (
            "Endpoint=sb://shop",
            ["it has no SharedAccessKeyName and SharedAccessKey, and no SharedAccessSignature"],
        ),
        (
            "Endpoint=sb://shop;SharedAccessKeyName=send",
            ["it has a SharedAccessKeyName and no SharedAccessKey"],
        ),
        (
            "Endpoint=sb://shop;SharedAccessKey=hunter2",
            ["it has a SharedAccessKey and no SharedAccessKeyName"],
        ),
        (
            f"{WHOLE};SharedAccessSignature=hunter2",
            ["it has a SharedAccessSignature and a key; expected one of the two"],
        ),
        (f"{WHOLE};Endpoint=sb://other", ["it says Endpoint twice"]),
        (f"Endpoint=sb://shop;;{KEY}", ["its part 2 is empty"]),
        (f"{WHOLE};hunter2", ["its part 4 has no '='; expected name=value"]),
        (f"{WHOLE};EntityPth=x", ["its part 4 has an unknown name; did you mean 'EntityPath'?"]),
        (
            f"{WHOLE};hunter2=x",
            [
                (
                    "its part 4 has an unknown name; expected Endpoint, SharedAccessKeyName,"
                    " SharedAccessKey, SharedAccessSignature, EntityPath or UseDevelopmentEmulator"
                )
            ],
        ),
        (f"{WHOLE};EntityPath=other", ["its EntityPath is another queue or topic than queueName"]),
        ("x" * 8193, ["it has 8,193 characters; expected at most 8,192"]),
        (
            "hunter2",
            [
                "its part 1 has no '='; expected name=value",
                "it has no Endpoint",
                "it has no SharedAccessKeyName and SharedAccessKey, and no SharedAccessSignature",
            ],
        ),
    ],
)
def test_a_connection_string_that_is_none(text: str, messages: list[str]) -> None:
    """Given a bad connection string, When checked, Then its parts are named and never quoted."""
    found = said(options(text))

    assert found == [("connectionString", message) for message in messages]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (
            ServiceBusOptions(queue_name="events"),
            [
                (
                    "connectionString",
                    "missing; expected connectionString or fullyQualifiedNamespace",
                )
            ],
        ),
        (
            options(fully_qualified_namespace="shop.servicebus.windows.net"),
            [
                (
                    "fullyQualifiedNamespace",
                    "connectionString names the namespace already; leave one of the two out",
                )
            ],
        ),
        (
            options(connection_string=None, fully_qualified_namespace="sb://shop/"),
            [
                (
                    "fullyQualifiedNamespace",
                    "not a host; expected one as in shop.servicebus.windows.net",
                )
            ],
        ),
        (
            options(connection_string=None, fully_qualified_namespace="a..b"),
            [
                (
                    "fullyQualifiedNamespace",
                    "not a host; expected one as in shop.servicebus.windows.net",
                )
            ],
        ),
        (
            options(queue_name=None),
            [
                (
                    "queueName",
                    "missing; expected queueName, topicName or useTypeSpecificDestinations",
                )
            ],
        ),
        (
            options(topic_name="events", use_type_specific_destinations=True),
            [
                (key, "queueName says where events go already; leave one of the two out")
                for key in ("topicName", "useTypeSpecificDestinations")
            ],
        ),
        (
            options(f"{WHOLE};EntityPath=e", queue_name=None, use_type_specific_destinations=True),
            [
                (
                    "connectionString",
                    (
                        "its EntityPath allows one queue or topic;"
                        " useTypeSpecificDestinations needs several"
                    ),
                )
            ],
        ),
        (
            options(queue_name="x" * 261),
            [("queueName", "261 characters; a queue's or topic's name has at most 260")],
        ),
        *(
            (
                options(queue_name=None, topic_name=name),
                [("topicName", f"not the name of a queue or topic; expected {CHARACTERS}")],
            )
            for name in ("a b", "-a", "a/", "straße", "a?", "a\n")
        ),
        (
            options(subscription_name="analysts"),
            [("subscriptionName", "a queue has no subscriptions; leave one of the two out")],
        ),
        (
            options(queue_name=None, topic_name="events", subscription_name="x" * 51),
            [("subscriptionName", "51 characters; a subscription's name has at most 50")],
        ),
        *(
            (
                options(queue_name=None, topic_name="events", subscription_name=name),
                [
                    (
                        "subscriptionName",
                        f"not the name of a subscription; expected {OF_SUBSCRIPTIONS}",
                    )
                ],
            )
            for name in ("events/Subscriptions/all", "-a", "a b")
        ),
        (
            options(session_strategy="subjectId"),
            [("sessionStrategy", "has no effect without enableSessions: true")],
        ),
    ],
)
def test_options_that_do_not_go_together(
    bad: ServiceBusOptions, expected: list[tuple[str, str]]
) -> None:
    """Given options against each other, When checked, Then the one to change is named."""
    found = said(bad)

    assert found == expected


def test_everything_is_told_at_once_and_no_secret_is() -> None:
    """Given a file with many mistakes, When it is loaded, Then each has its line and column."""
    text = """
dataPlane:
  backplane:
    type: azureServiceBus
    options:
      connectionString: Endpoint=shop;SharedAccessKey=hunter2
      queueName: a b
      topicName: events
      sessionStrategy: subjectId
      messageTimeToLiveMinutes: 0
"""

    with pytest.raises(ConfigurationError) as caught:
        load_text(text, name="e.yaml", find_plugin=find_plugin)

    path = "dataPlane.backplane.options."
    assert str(caught.value).splitlines() == [
        (
            f"e.yaml:6:7: {path}connectionString: it has a SharedAccessKey and no"
            " SharedAccessKeyName"
        ),
        (
            f"e.yaml:6:7: {path}connectionString: its Endpoint is not a host as in"
            " sb://shop.servicebus.windows.net/"
        ),
        f"e.yaml:7:7: {path}queueName: not the name of a queue or topic; expected {CHARACTERS}",
        (
            f"e.yaml:8:7: {path}topicName: queueName says where events go already; leave one of the"
            " two out"
        ),
        f"e.yaml:9:7: {path}sessionStrategy: has no effect without enableSessions: true",
        (
            f"e.yaml:10:7: {path}messageTimeToLiveMinutes: out of range: 0; expected a whole"
            " number, 1 to 71,582"
        ),
    ]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_problem_shows_what_is_in_the_string(text: str) -> None:
    """Given any string of the usual pieces, When it is checked, Then no secret comes out."""
    found = said(options(text))

    assert "hunter2" not in str(found)


def test_a_signature_that_has_expired_is_a_warning() -> None:
    """Given an old signature, When it is checked, Then since when is said, and no secret."""
    text = (
        "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessSignature=sr=x&sig=y&se=1700000000"
    )

    found = list(check_service_bus(options(text)))

    assert found == [
        (
            "connectionString",
            "its SharedAccessSignature expired at 2023-11-14T22:13:20+00:00; make a new one",
            "warning",
            (),
        )
    ]
