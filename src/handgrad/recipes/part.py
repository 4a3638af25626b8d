"""What all pieces of a document are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=1, le=10**12)]
Images = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=2000)]


class Part(BaseModel):
    """A piece of a document: frozen, and without keys that mean nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")
