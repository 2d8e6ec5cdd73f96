"""Where the treasury of a fleet is: `treasury` of a config."""

from llmcap.config.readers import SECRET, Kind, guarded
from llmcap.config.yamldoc import Place
from llmcap.treasury.wire import check_url


def _treasury(place: Place) -> str:
    url = SECRET.read(place)
    guarded(place, check_url, url)
    return url


TREASURY: Kind[str] = Kind(_treasury, SECRET.schema)
