"""
The treasury: one cap over many machines, kept in PostgreSQL, with no round trip per call.

What a node may still spend comes in from the treasury, its spend goes out to it, and calls are
decided on the node's own ledger in between. A node never spends what it was not granted, and the
treasury never grants what is not there, whatever is lost, repeated, killed or cut off.

**Where the money is.** Every nano-dollar of a cap is in exactly one of four places:

- *in the treasury*: nobody may spend it before it is granted;
- *allotted*: granted to one node, and not spent yet as far as the treasury knows;
- *held or spent on that node*: its own ledger has it, within its allotment;
- *known to be spent*: the node has told the treasury.

**How it moves.** A node sends one message at a time, numbered. Each of its lines is about one
account (a budget, a value of `per`, a window), and says: of my allotment I spent so much and keep
so much; give me at least so much more, and so much if you can. The treasury takes back what is not
kept, and grants all lines or none. Both happen in one transaction, which locks in a fixed order.

A node gives up money in its ledger first and tells the treasury after; the treasury writes a grant
first and the node has it after. So what the node believes to have is never more than what the
treasury wrote down, and the sum over all nodes is within the cap, wherever a message is lost: a
message that is repeated is known by its number and its id, and answered with what is so now.

An allotment has no end by a clock, as money does not refill. What a lost node had stays with it
until it comes back, or until somebody says that it will not (`retire`): then it counts as spent.

**Who is who.** A node is one ledger file. With each start of its proxy it takes the treasury's next
epoch, and messages of an older one are refused; so of two proxies with one identity one is stopped,
and a file from an old disk, which lags behind what the treasury heard, is told so. The clock of a
node does not matter: windows turn by the treasury's.
"""
