"""
What outlives a call and is no call's own: the state that all calls of one proxy share.

A ledger, prices, a policy and a clock come in when the proxy starts. Out goes one record that every
step of the walk is given, and reads afresh each time, as a changed config puts another policy in
place. It never knows a step: what comes back later is told to this record.
"""
