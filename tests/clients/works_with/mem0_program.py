"""Mem0: the model that its memories are made with."""

from mem0 import Memory

memory = Memory.from_config(
    {
        "llm": {"provider": "openai", "config": {"model": "gpt-4o-mini"}},
        "vector_store": {"provider": "qdrant", "config": {"path": "memories"}},
    }
)
print(memory.llm.generate_response([{"role": "user", "content": "Say hello."}]))
