"""
The hosts of a service of AWS, and the region that they name.

botocore 1.44.5, `data/endpoints.json`: each partition has a domain of its own, and so have
addresses for IPv6; `-fips` stands behind the service. Those of closed networks are left out.
https://docs.aws.amazon.com/general/latest/gr/bedrock.html
"""

import re

from llmcap.pricing.terms import REGION

_DOMAINS = ("amazonaws.com", "api.aws")
_ABROAD = ("amazonaws.com.cn", "amazonaws.eu", "api.amazonwebservices.eu")  # without `-fips`
# Of what answers with a model, by any of its names.
_PLACED = re.compile(
    r"(?:.+\.)?bedrock-(?:runtime|mantle)(?:-fips)?\.([a-z0-9-]+)\.", re.IGNORECASE
)


def hosts_of(*services: str) -> tuple[str, ...]:
    """Where these services are, in every region, and inside of a customer's own network."""
    return tuple(
        host
        for service in services
        for host in (
            *(f"{each}.*.{domain}" for each in (service, f"{service}-fips") for domain in _DOMAINS),
            *(f"{service}.*.{domain}" for domain in _ABROAD),
            f"*.{service}.*.vpce.amazonaws.com",
        )
    )


def region_terms(host: str) -> tuple[str, ...]:
    """
    The term for the region of a host: Amazon asks more for the same model in some of them.

    https://aws.amazon.com/bedrock/pricing
    """
    found = _PLACED.match(host)
    return (f"{REGION}-{found[1].lower()}",) if found else ()
