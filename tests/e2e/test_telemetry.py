"""What an OTLP receiver is told of calls that a user makes."""

from telemetry.receiver import attributes, receiving

from .people import CURL, User

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_calls_are_told_in_the_trace_of_their_caller(user: User) -> None:
    """One span each, a refused one too, with tokens as the provider billed them."""
    with receiving() as receiver:
        config = user.home / "llmcap.yaml"
        config.write_text(
            f"telemetry: {{otlp: '{receiver.url}', cost: true}}\n"
            "budgets:\n- {name: one, cap: 1 requests, every: run}\n"
        )
        asked = [*CURL, "-H", f"traceparent: {PARENT}"]
        script = '"$@"; "$@"'
        done = user.run("--config", str(config), "--", "sh", "-c", script, "sh", *asked)
        assert done.stdout.split() == ["200", "429"]
        receiver.wait(lambda: len(receiver.spans) == 2 and len(receiver.points) == 2)
    served, refused = receiver.spans
    assert {each.trace_id.hex() for each in receiver.spans} == {PARENT.split("-")[1]}
    assert {each.parent_span_id.hex() for each in receiver.spans} == {PARENT.split("-")[2]}
    told = attributes(served)
    assert served.name == "chat gpt-4o-mini"
    assert told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.response.model"] == "gpt-4o-mini-2024-07-18"
    assert round(told["gen_ai.usage.cost.amount"] * 10**9) == user.provider.nanos()
    assert attributes(refused)["error.type"] == "cap_reached"
    used = {
        attributes(point)["gen_ai.token.type"]: point.sum
        for point in receiver.points["gen_ai.client.token.usage"]
    }
    assert used["output"] == told["gen_ai.usage.output_tokens"] > 0
