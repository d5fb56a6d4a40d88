"""Where the outcomes of its commits take a subtask; what a person rejected is no failure."""

from sqlalchemy.orm import Session

from quartet.contracts.effect import EffectStatus, Outcome
from services.coordinator.decisions import forget
from services.coordinator.rows import move_subtask, reopen
from services.coordinator.tables import SubtaskRow

NOT_DONE: tuple[EffectStatus, ...] = ("rejected", "expired")


def settle(
    session: Session,
    row: SubtaskRow,
    outcomes: tuple[Outcome, ...],
    told: dict[int, int],
    attempts: int,
) -> None:
    """Move a committing subtask to where all its outcomes together take it.

    ``told`` are the decisions that were there before its proposals were committed.

    Rejected or expired as a whole it is worked on again when there is guidance and an attempt is
    left, else it is rejected. Where something of it was done, that stays and the subtask is done.
    """
    row.outcomes = [o.model_dump(mode="json") for o in outcomes]
    forget(session, row, told, {o.slot for o in outcomes if o.status != "held"})
    says = "; ".join(o.says for o in outcomes)
    guidance = " ".join(o.guidance for o in outcomes if o.guidance)
    if held := [o for o in outcomes if o.status == "held"]:
        move_subtask(session, row, "held", held[0].says)
    elif not all(o.status in NOT_DONE for o in outcomes):
        move_subtask(session, row, "done", says)
    elif not guidance:
        move_subtask(session, row, "rejected", says)
    elif row.attempt < attempts:
        reopen(session, row, guidance)
    else:
        move_subtask(session, row, "rejected", f"no attempt is left for the guidance; {says}")
