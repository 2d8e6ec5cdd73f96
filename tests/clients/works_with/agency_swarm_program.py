"""Agency Swarm: an agency of one."""

import asyncio

from agency_swarm import Agency, Agent

agency = Agency(Agent(name="Greeter", instructions="You greet.", model="gpt-4o-mini"))
print(asyncio.run(agency.get_response("Say hello.")).final_output)
