"""Ids that somebody asked for and that are not here."""

from django.db.models import Q

from symdepot.debugfiles.models import DebugFile, WantedId


def clear(arrived: DebugFile) -> None:
    """Forget that anybody asked in vain for what has now arrived."""
    answers = Q()
    if not arrived.object_file().debug_id.is_nil:
        answers |= Q(debug_id=arrived.debug_id)
    if arrived.code_id:
        answers |= Q(code_id=arrived.code_id)
    if answers:
        WantedId.objects.filter(answers, project=arrived.project_id).delete()
