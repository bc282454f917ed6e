"""JSON bodies of requests, read into what they should be."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError
from pydantic import BaseModel, ValidationError

from symdepot.domain.errors import InvalidRequest


def read[Body: BaseModel](request: HttpRequest, model: type[Body]) -> Body:
    """Return the body of `request`.

    Raises:
        InvalidRequest: it is not whole, too large, no JSON, or not of this form.
    """
    try:
        return model.model_validate_json(request.body)
    except RequestDataTooBig:
        raise InvalidRequest("the body of the request is too large") from None
    except UnreadablePostError as error:
        raise InvalidRequest("Incomplete body") from error
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        raise InvalidRequest("Invalid json body")
    where = ".".join(str(part) for part in first["loc"])
    raise InvalidRequest(f"{where}: {first['msg']}" if where else first["msg"])
