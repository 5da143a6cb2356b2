"""A server that lists folders and gives out files, for the toy store: `GET /CASE/PATH`, with `?list` for names."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from scenarios.servers.standin import Asked, Partition, Reply, StandIn, answer_file, answer_json, main


class ToyServer(StandIn):
    """Folders and files; everybody may read them."""

    name = "toy-server"


def answer(asked: Asked, state: Path) -> Reply:
    """The file; or relative name -> path of every file that the request names."""
    case, *segments = asked.segments
    partition = Partition(state, case)
    found = partition.find([segment for segment in segments if segment])
    if found is None:
        return Reply(HTTPStatus.NOT_FOUND)
    if "list" not in asked.query:
        return answer_file(found, asked, {})
    files, above = ([found], found.parent) if found.is_file() else (sorted(found.rglob("*")), found)
    named = {path.relative_to(above): path.relative_to(partition.folder) for path in files if path.is_file()}
    return answer_json({str(name): str(path) for name, path in named.items()})


if __name__ == "__main__":
    main(answer, __doc__)
