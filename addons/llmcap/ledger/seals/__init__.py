"""
A chain of hashes over the entries, made from outside the calls' transactions.

Entries come in as they stand in the file, seals go out; whoever keeps the last one elsewhere can
tell later what was changed since. What pruning leaves of entries is signed with the ledger's key,
whose public half is in that seal. A seal is never changed, and nothing here changes an entry.
"""
