"""`routing`: where requests go when more than one model could serve them. docs/concepts/routing.md explains it."""

from typing import Annotated

from msgspec import Meta, field

from gateway.base.core.route import Strategy
from gateway.base.core.struct import Config

_Model = Annotated[str, Meta(min_length=1)]
_EXAMPLE = ["openai/gpt-5.1-mini", {"model": "anthropic/claude-sonnet-4-6", "weight": 3}]


class CandidateConfig(Config, frozen=True):
    """A candidate with its weight; where it needs none, its name alone is enough."""

    model: Annotated[_Model, Meta(description="`provider/model` or an alias", examples=["openai/gpt-5.1-mini"])]
    weight: Annotated[
        float | None, Meta(description="Its share with `strategy: weighted`, beside those of the others; default 1")
    ] = None


class RuleConfig(Config, frozen=True):
    """Requests for which other models are used. The first rule that holds counts."""

    name: Annotated[_Model, Meta(description="What records and `agentcc explain` call it", examples=["small-turns"])]
    when: Annotated[
        str,
        Meta(
            min_length=1,
            description="CEL: an expression over the request that is true or false",
            examples=["input_tokens < 10000 && !has_images"],
            extra={"hint": "write an expression in quotes, such as 'input_tokens < 10000'"},
        ),
    ]
    use: Annotated[
        list[_Model | CandidateConfig], Meta(description="Candidates in place of the block's own", examples=[_EXAMPLE])
    ]
    strategy: Annotated[Strategy | None, Meta(description="How one of them is chosen; default: as in the block")] = None


class SplitConfig(Config, frozen=True):
    """A share that goes to another model."""

    model: Annotated[_Model, Meta(description="`provider/model` or an alias", examples=["openai/gpt-5.1-codex"])]
    percent: Annotated[float, Meta(title="number, 0 to 100", description="The share", examples=[5])]


class BlockConfig(Config, frozen=True):
    """One way to choose; a key names it as its `route`, and `default` is that of every other key."""

    strategy: Annotated[Strategy, Meta(description="How the order of the candidates is found")] = "failover"
    chain: Annotated[
        list[_Model] | None,
        Meta(
            description="For `failover`: what is tried in order after the model that the client asked for",
            examples=[["anthropic/claude-opus-4-7", "gemini/gemini-2.5-pro"]],
        ),
    ] = None
    candidates: Annotated[
        list[_Model | CandidateConfig] | None,
        Meta(
            description="For the other strategies: what may be used; the model that the client asked for only where it is listed",
            examples=[_EXAMPLE],
        ),
    ] = None
    sticky_session: Annotated[
        bool, Meta(description="The rest of a session stays with the model that has answered it")
    ] = False
    hedge_ms: Annotated[
        Annotated[int, Meta(ge=0, le=600_000)] | None,
        Meta(description="For `race`: how long one is waited for before the next is asked too; default 0: all at once"),
    ] = None
    attempts: Annotated[
        int,
        Meta(
            ge=1,
            le=20,
            description="The most models that one request may ask",
            extra={"hint": "write 1 to 20; 1 tries no second one"},
        ),
    ] = 3
    retries: Annotated[
        int,
        Meta(
            ge=0,
            le=5,
            description="How often a model is asked again, after a pause, where no other one is well; agents try again themselves too",
            extra={"hint": "write 0 to 5; 0 never asks the same one again"},
        ),
    ] = 1
    time_zone: Annotated[
        str, Meta(description="IANA name: by whose clock `hour` and `weekday` are told", examples=["Europe/Berlin"])
    ] = "UTC"
    rules: Annotated[list[RuleConfig], Meta(description="Exceptions, in order")] = field(default_factory=list)
    canary: Annotated[SplitConfig | None, Meta(description="A share of the sessions that tries this model first")] = (
        None
    )
    shadow: Annotated[
        SplitConfig | None,
        Meta(description="A share of the requests that is sent to this model too; its answers are recorded, not used"),
    ] = None
