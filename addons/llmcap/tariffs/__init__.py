"""
How the price book is made from its sources, at a release and where a user takes newer data.

What vendors, lists and people say comes in; documents of the book come out, in which no later price
knows less than an earlier one. What was in force is never changed: a call keeps its cost.
"""
