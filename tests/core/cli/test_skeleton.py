"""What a new plugin is called."""

from __future__ import annotations

import pytest

from experimentframework_core.cli._skeleton import NameRefusedError, Naming, files_of, naming_of


@pytest.mark.parametrize("name", ["my-store", "experimentframework-my-store"])
def test_everything_is_called_by_the_name(name: str) -> None:
    """Given words, When a plugin is named by them, Then each part is written as is usual there."""
    named = naming_of(name)

    assert named == Naming(
        distribution="experimentframework-my-store",
        package="experimentframework_my_store",
        type="myStore",
        prefix="MyStore",
    )


def test_the_type_may_be_another() -> None:
    """Given a type, When a plugin is named, Then a configuration says that one."""
    named = naming_of("my-store", "warehouseV2")

    assert (named.type, named.prefix) == ("warehouseV2", "MyStore")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "a-",
        "-a",
        "a--b",
        "1st",
        "a" * 21,
        "ärger",
        "a.b",
        "a/b",
        "../a",
        "/etc",
        "a b",
        "a\nb",
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    """Given anything else than words with hyphens, When named, Then it says what is expected."""
    with pytest.raises(NameRefusedError, match="is no name for a plugin; expected words"):
        naming_of(name)


@pytest.mark.parametrize(
    "name", ["My-Store", "my_store", "my store", "MY.STORE", "myStore", "mÿ-störe"]
)
def test_the_name_that_was_meant_is_told(name: str) -> None:
    """Given a name in another spelling, When it is refused, Then the right one is told."""
    with pytest.raises(NameRefusedError, match=r"did you mean 'my-store'\?"):
        naming_of(name)


@pytest.mark.parametrize("name", ["inMemory", "Kafka", "Class", "straße"])
def test_a_name_that_is_refused_too_is_not_told(name: str) -> None:
    """Given a name whose right spelling is taken or none, When refused, Then none is told."""
    with pytest.raises(NameRefusedError, match=r"as in my-store$"):
        naming_of(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("class", "'class' is a word of Python; expected another, as in my-class"),
        ("con", "'con' is a device of some systems"),
        ("com1", "'com1' is a device of some systems"),
        ("core", "there is a distribution experimentframework-core already"),
        ("kafka", "there is a distribution experimentframework-kafka already"),
        ("jsonlines", "there is a distribution experimentframework-jsonlines already"),
        ("sqlite", "experimentframework-core offers the type 'sqlite' already"),
        ("in-memory", "experimentframework-core offers the type 'inMemory' already"),
        ("composite", "experimentframework offers the type 'composite' already"),
        ("open-telemetry", "the type 'openTelemetry' already"),
    ],
)
def test_what_is_taken_is_refused(name: str, why: str) -> None:
    """Given a name that means something already, When a plugin is named, Then it says what."""
    with pytest.raises(NameRefusedError) as raised:
        naming_of(name)

    assert why in str(raised.value)


@pytest.mark.parametrize("type_name", ["", "Store", "my-store", "1st", "a" * 65])
def test_what_is_no_type_is_refused(type_name: str) -> None:
    """Given a type that a configuration cannot say, When named, Then it says what is expected."""
    with pytest.raises(NameRefusedError, match="is no type of a backplane; expected camelCase"):
        naming_of("my-store", type_name)


@pytest.mark.parametrize("type_name", ["sqlServer", "sqlserver", "azureServiceBus"])
def test_a_type_is_offered_once(type_name: str) -> None:
    """Given a type of another distribution, in any case, When named, Then it is refused."""
    with pytest.raises(NameRefusedError, match=r"offers the type '\w+' already; .* --type"):
        naming_of("my-store", type_name)


def test_nothing_of_a_template_is_left() -> None:
    """Given the files of a plugin, When they are read, Then every mark has become a name."""
    files = files_of(naming_of("my-store"))

    assert {path for path, text in files.items() if "${" in path + text} == {"README.md"}
    assert 'token: "${EVENTS_TOKEN}"' in files["README.md"]
    assert 'myStore = "experimentframework_my_store:plugin"' in files["pyproject.toml"]
