"""`dead-letter`: look at what no destination took, publish it again, or remove it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from experimentframework_core.cli._broker_dead_letter import (
    list_of_broker,
    purge_of_broker,
    requeue_of_broker,
    show_of_broker,
)
from experimentframework_core.cli._broker_letters import broker_of
from experimentframework_core.cli._dead_letter_local import (
    list_of_stores,
    purge_of_stores,
    show_of_stores,
)
from experimentframework_core.cli._dead_letter_options import (
    BackplaneOption,
    ExperimentOption,
    IdOption,
    Keeper,
    KeeperOption,
    LettersOption,
    MostOption,
    OriginOption,
    ReasonOption,
    SinceOption,
    StoreOption,
    TypeOption,
    UntilOption,
    check_local,
    chosen_by,
)
from experimentframework_core.cli._dead_letter_origins import (
    Whose,
    only_of,
    refuse_of_broker,
)
from experimentframework_core.cli._dead_letter_requeue import requeue_letters
from experimentframework_core.cli._dead_letter_stores import place_of
from experimentframework_core.cli._output import (
    USAGE,
    CommandError,
    ConfigOption,
    JsonOption,
    expected_errors,
)
from experimentframework_core.deadletter import LetterFilter

SHOWN = 100
"""Letters in the table if nothing else is said."""


def list_letters(  # noqa: PLR0913 - one for each option
    config: LettersOption = None,
    store: StoreOption = None,
    *,
    keeper: KeeperOption = Keeper.LOCAL,
    types: TypeOption = None,
    experiments: ExperimentOption = None,
    backplanes: BackplaneOption = None,
    reasons: ReasonOption = None,
    ids: IdOption = None,
    origins: OriginOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Most that are shown. {SHOWN}; with --json all.")
    ] = None,
    newest: Annotated[
        bool, typer.Option("--newest", help="Of too many, the last ones instead of the first.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document for each letter, a line each.")
    ] = False,
) -> int:
    """List dead letters, the one that was stored first first."""
    chosen = chosen_by(
        datetime.now(UTC),
        types=types,
        experiments=experiments,
        backplanes=backplanes,
        reasons=reasons,
        ids=ids,
        since=since,
        until=until,
    )
    if not as_json:
        limit = limit or SHOWN
    if keeper is Keeper.BROKER:
        refuse_of_broker(origins)
        source = broker_of(config, store, backplanes)
        return list_of_broker(source, chosen, limit=limit, newest=newest, as_json=as_json)
    check_local(chosen)
    place = place_of(config, store)
    chosen = only_of(Whose.of(origins, place.origin), place.paths, chosen)
    return list_of_stores(place.paths, chosen, limit=limit, newest=newest, as_json=as_json)


def show(
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The event's id.")],
    *,
    config: LettersOption = None,
    store: StoreOption = None,
    keeper: KeeperOption = Keeper.LOCAL,
    backplanes: BackplaneOption = None,
    origins: OriginOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show everything about the dead letters of one event, the event and a traceback too."""
    if keeper is Keeper.BROKER:
        refuse_of_broker(origins)
        return show_of_broker(broker_of(config, store, backplanes), event_id, as_json=as_json)
    chosen = LetterFilter(ids=(event_id,), backplanes=tuple(backplanes or ()))
    place = place_of(config, store)
    chosen = only_of(Whose.of(origins, place.origin), place.paths, chosen)
    return show_of_stores(place.paths, chosen, as_json=as_json)


def purge(  # noqa: PLR0913 - one for each option
    config: LettersOption = None,
    store: StoreOption = None,
    *,
    keeper: KeeperOption = Keeper.LOCAL,
    types: TypeOption = None,
    experiments: ExperimentOption = None,
    backplanes: BackplaneOption = None,
    reasons: ReasonOption = None,
    ids: IdOption = None,
    origins: OriginOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: MostOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Remove dead letters for ever; asks before, unless --yes."""
    now = datetime.now(UTC)
    chosen = chosen_by(
        now,
        types=types,
        experiments=experiments,
        backplanes=backplanes,
        reasons=reasons,
        ids=ids,
        since=since,
        until=until,
    )
    if keeper is Keeper.BROKER:
        refuse_of_broker(origins)
        return purge_of_broker(
            broker_of(config, store, backplanes),
            chosen,
            limit=limit,
            yes=yes,
            dry_run=dry_run,
            as_json=as_json,
        )
    check_local(chosen, limit)
    if chosen.until is None:
        # What comes while somebody reads the question was not asked for.
        chosen = msgspec.structs.replace(chosen, until=now)
    place = place_of(config, store)
    chosen = only_of(Whose.of(origins, place.origin), place.paths, chosen)
    return purge_of_stores(place.paths, chosen, yes=yes, dry_run=dry_run, as_json=as_json)


def requeue(  # noqa: PLR0913 - one for each option
    config: ConfigOption,
    *,
    store: StoreOption = None,
    keeper: KeeperOption = Keeper.LOCAL,
    to: Annotated[
        str | None, typer.Option("--to", help="The backplane that gets all; else each its own.")
    ] = None,
    types: TypeOption = None,
    experiments: ExperimentOption = None,
    backplanes: BackplaneOption = None,
    reasons: ReasonOption = None,
    ids: IdOption = None,
    origins: OriginOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: MostOption = None,
    as_json: JsonOption = False,
) -> int:
    """Publish dead letters again, and remove each one once it is delivered.

    Each goes to the backplane that did not take it, or to the queue or topic that it came from,
    with the same bytes and id. It can be stopped at any moment and begun again.
    """
    chosen = chosen_by(
        datetime.now(UTC),
        types=types,
        experiments=experiments,
        backplanes=backplanes,
        reasons=reasons,
        ids=ids,
        since=since,
        until=until,
    )
    if keeper is Keeper.BROKER:
        refuse_of_broker(origins)
        if to is not None:
            message = "--to: a broker's dead letter goes to the queue or topic that it came from"
            raise CommandError(message, exit_code=USAGE)
        source = broker_of(config, store, backplanes)
        return requeue_of_broker(source, chosen, limit=limit, as_json=as_json)
    check_local(chosen, limit)
    return requeue_letters(config, store, chosen, origins=origins, to=to, as_json=as_json)


group = typer.Typer(
    name="dead-letter",
    help="Look at events that no destination took, publish them again, or remove them.",
    no_args_is_help=True,
)
for _name, _command in (
    ("list", list_letters),
    ("show", show),
    ("requeue", requeue),
    ("purge", purge),
):
    group.command(_name)(expected_errors(_command))
