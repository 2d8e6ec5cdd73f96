"""
An LLM provider on loopback that generates, enforces limits, and bills for itself.

It stands in for OpenAI, Anthropic and Google where the real ones cost money: in the demo, the
end-to-end tests and the soak. It makes answers token by token, stops when it sees that its client
is gone, and keeps a bill of its own, in its own arithmetic (`tariff`), for LLMCap's ledger to be
compared with. It shares no code with LLMCap but the tokenizer's vocabulary.

    tls         a CA, and a certificate for the providers' host names
    http1       the server and HTTP/1.1; hands connections that negotiate it to http2
    exchange    one request and the ways to answer it, whatever the protocol
    scenario    how an answer behaves: length, pace, usage, errors, breaks
    tariff      prices, and what a record costs
    bill        records of what was really generated
    generate    tokens one by one, until the limit, the plan or the client ends them
    engine      one answer of any API: whole or streamed, with all the ways to break
    openai_chat, openai_responses, embeddings, anthropic, gemini     the wire formats
    app         routes, and the control endpoint
    process     starts it as a process of its own and talks to its control endpoint
"""
