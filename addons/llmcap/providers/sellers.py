"""
Sellers of tokens that speak OpenAI's API and are in no price book: known by name and host.

Their models are refused until the config has a price for them; a budget, a refusal and a reading
are then those of any other vendor. Each row says where its host and paths are documented: a page of
the seller's own, or a public list that programs connect by, at the version that was read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from llmcap.providers.compatible import FREE, compatible
from llmcap.providers.parts.routes import routes_to
from llmcap.providers.parts.shape import Provider

# https://github.com/anomalyco/models.dev, the provider.toml of each, on 2026-07-02
DEV = "models.dev, 2026-07-02"
# https://github.com/BerriAI/litellm, its list of endpoints and the file of each vendor
LITELLM = "litellm 1.106.2"
# https://github.com/Portkey-AI/gateway, src/providers, each api.ts
PORTKEY = "Portkey's gateway, 669825c"
# https://github.com/CherryHQ/cherry-studio, src/renderer/src/config/providers.ts
CHERRY = "Cherry Studio, 0297c0b"
# The address that their own documents give programs of OpenAI's package
OWN = "the seller's quick start, November 2026"


@dataclass(frozen=True, slots=True)
class Seller:
    """One of them: where its API begins, and where that is said."""

    name: str
    hosts: tuple[str, ...]
    source: str
    bases: tuple[str, ...] = ("/v1",)
    messages: tuple[str, ...] = ()  # below these it speaks Anthropic's API
    site: bool = False  # the host is a web site too
    product: tuple[str, ...] = ()  # paths of such a one where it sells no model

    @property
    def provider(self) -> Provider:
        """The provider that it is."""
        return compatible(
            self.name,
            *self.hosts,
            bases=self.bases,
            messages=self.messages,
            more=routes_to(FREE, "GET|POST|PUT|PATCH|DELETE", *self.product),
            api_only=not self.site,
        )


def _rows(source: str, *rows: tuple[str, str, str] | tuple[str, str]) -> Iterator[Seller]:
    """Sellers of one source: name, hosts, and bases where they are not `/v1`."""
    for name, hosts, *bases in rows:
        yield Seller(
            name,
            tuple(hosts.split()),
            source,
            bases=tuple(bases[0].split()) if bases else ("/v1",),
            # A name without `api.` or the like in front of it is that of a web site.
            site=hosts.split()[0].count(".") == 1 or hosts.startswith(("www.", "app.")),
        )


SELLERS: tuple[Seller, ...] = (
    *_rows(
        DEV,
        ("302ai", "api.302.ai"),
        ("abacus", "routellm.abacus.ai"),
        ("abliteration", "api.abliteration.ai"),
        ("ambient", "api.ambient.xyz"),
        ("anyapi", "api.anyapi.ai"),
        ("auriko", "api.auriko.ai"),
        ("bailing", "api.tbox.cn", "/api/llm/v1"),
        ("berget", "api.berget.ai"),
        ("claudinio", "api.claudin.io"),
        ("cloudferro", "api-sherlock.cloudferro.com", "/openai/v1"),
        ("crof", "crof.ai"),
        ("digitalocean", "inference.do-ai.run"),
        ("dinference", "api.dinference.com"),
        ("drun", "chat.d.run"),
        ("evroc", "models.think.evroc.com"),
        ("fastrouter", "go.fastrouter.ai", "/api/v1"),
        ("frogbot", "app.frogbot.ai", "/api/v1"),
        ("hpc-ai", "api.hpc-ai.com", "/inference/v1"),
        ("iflow", "apis.iflow.cn"),
        ("inceptron", "api.inceptron.io"),
        ("inference-net", "inference.net api.inference.net"),
        ("io-net", "api.intelligence.io.solutions", "/api/v1"),
        ("jiekou", "api.jiekou.ai", "/openai /openai/v1"),
        ("kilo", "api.kilo.ai kilocode.ai", "/api/gateway /api/openrouter"),
        ("lilac", "api.getlilac.com"),
        ("llmgateway", "api.llmgateway.io"),
        ("llmtr", "llmtr.com"),
        ("lucidquery", "api.lucidquery.com"),
        ("meganova", "api.meganova.ai"),
        ("mixlayer", "models.mixlayer.ai"),
        ("moark", "moark.com"),
        ("near-ai", "cloud-api.near.ai"),
        ("neuralwatt", "api.neuralwatt.com"),
        ("opencode-zen", "opencode.ai", "/zen/v1 /zen/go/v1"),
        ("orcarouter", "api.orcarouter.ai"),
        ("poolside", "inference.poolside.ai"),
        ("qihang", "api.qhaigc.net"),
        ("qiniu", "api.qnaigc.com"),
        ("regolo", "api.regolo.ai"),
        ("requesty", "router.requesty.ai router.eu.requesty.ai"),
        ("routing", "ai.routing.sh"),
        ("sakana", "api.sakana.ai"),
        ("stackit", "api.openai-compat.model-serving.eu01.onstackit.cloud"),
        ("subconscious", "api.subconscious.dev"),
        ("submodel", "llm.submodel.ai"),
        ("tencent-tokenhub", "tokenhub.tencentmaas.com tokenhub-intl.tencentcloudmaas.com"),
        ("thegrid", "api.thegrid.ai"),
        ("tinfoil", "inference.tinfoil.sh"),
        ("umans", "api.code.umans.ai"),
        ("upstage", "api.upstage.ai", "/v1 /v1/solar /v2"),
        ("vivgrid", "api.vivgrid.com"),
        ("vultr", "api.vultrinference.com"),
        ("wafer", "pass.wafer.ai"),
        ("xiaomi", "api.xiaomimimo.com"),
        ("xpersona", "www.xpersona.co"),
        ("zeldoc", "api.zeldoc.ai"),
        ("zenmux", "zenmux.ai", "/api/v1"),
    ),
    *_rows(
        LITELLM,
        ("aiml", "api.aimlapi.com", "/v1 /v2"),
        ("amazon-nova", "api.nova.amazon.com"),
        ("assemblyai-llm", "llm-gateway.assemblyai.com"),
        ("cognition", "api.cognition.ai"),
        ("cometapi", "api.cometapi.com"),
        ("compactif", "api.compactif.ai"),
        ("cortecs", "api.cortecs.ai"),
        ("crusoe", "managed-inference-api-proxy.crusoecloud.com"),
        ("darkbloom", "api.darkbloom.dev"),
        ("edenai", "api.edenai.run", "/v3 /v3/llm"),
        ("empiriolabs", "api.empiriolabs.ai"),
        ("empower", "app.empower.dev", "/api/v1"),
        ("gigachat", "gigachat.devices.sberbank.ru api.giga.chat", "/api/v1 /v1"),
        ("gmicloud", "api.gmi-serving.com"),
        ("libertai", "api.libertai.io"),
        ("llamagate", "api.llamagate.dev"),
        ("maritaca", "chat.maritaca.ai", "/api"),
        ("modelscope", "api-inference.modelscope.cn"),
        ("neosantara", "api.neosantara.xyz"),
        ("parasail", "api.parasail.io"),
        ("pinstripes", "pinstripes.io"),
        ("prism", "api.prisminference.com"),
        ("reka", "api.reka.ai"),
        ("sail", "api.sailresearch.com"),
        ("sarvam", "api.sarvam.ai"),
        ("scx", "api.scx.ai"),
        ("tensormesh", "serverless.tensormesh.ai"),
    ),
    *_rows(
        PORTKEY,
        ("aibadgr", "aibadgr.com", "/api/v1"),
        ("deepbricks", "api.deepbricks.ai"),
        ("kluster", "api.kluster.ai"),
        ("krutrim", "cloud.olakrutrim.com"),
        ("lemonfox", "api.lemonfox.ai"),
        ("lepton", "api.lepton.ai *.lepton.run", "/v1 /api/v1"),
        ("matterai", "api.matterai.so"),
        ("monsterapi", "llm.monsterapi.ai"),
        ("ncompass", "api.ncompass.tech"),
        ("nextbit", "api.nextbit256.com"),
        ("predibase", "serving.app.predibase.com", "/{}/deployments/v2/llms/{}/v1"),
        ("yi", "api.lingyiwanwu.com"),
    ),
    *_rows(
        CHERRY,
        ("aihubmix", "aihubmix.com"),
        ("alayanew", "deepseek.alayanew.com"),
        ("baichuan", "api.baichuan-ai.com"),
        ("burncloud", "ai.burncloud.com"),
        ("cephalon", "cephalon.cloud", "/user-center/v1/model"),
        ("dmxapi", "www.dmxapi.cn"),
        ("hunyuan", "api.hunyuan.cloud.tencent.com"),
        ("infini", "cloud.infini-ai.com", "/maas /maas/v1"),
        ("lanyun", "maas-api.lanyun.net"),
        ("lkeap", "api.lkeap.cloud.tencent.com", "/v1 /coding/v3"),
        ("ocoolai", "api.ocoolai.com"),
        ("ph8", "ph8.co"),
        ("ppio", "api.ppinfra.com api.ppio.com", "/v3/openai /openai/v1 /openai"),
        ("qianfan", "qianfan.baidubce.com", "/v2"),
        ("stepfun", "api.stepfun.com api.stepfun.ai", "/v1 /step_plan/v1"),
        ("tokenflux", "tokenflux.ai"),
        ("xirang", "wishub-x1.ctyun.cn"),
    ),
    Seller(
        "akash",
        ("chatapi.akash.network",),
        "https://chatapi.akash.network",
        bases=("/api/v1", "/v1"),
    ),
    Seller(
        "blackbox",
        ("api.blackbox.ai",),
        "https://docs.blackbox.ai/api-reference",
        bases=("", "/v1"),
    ),
    Seller(
        "brave-answers",
        ("api.search.brave.com",),
        "https://api-dashboard.search.brave.com/documentation/services/answers",
        bases=("/res/v1",),
    ),
    Seller("centml", ("api.centml.com",), "https://docs.centml.ai", bases=("/openai/v1",)),
    Seller("cline", ("api.cline.bot",), "https://docs.cline.bot/api", bases=("/api/v1",)),
    Seller(
        "clova",
        ("clovastudio.stream.ntruss.com", "clovastudio.apigw.ntruss.com"),
        "https://api.ncloud-docs.com/docs/en/ai-naver-clovastudio-openai-compatibility",
        bases=("/v1/openai",),
    ),
    Seller(
        "deepsearch",
        ("deepsearch.jina.ai",),
        "https://jina.ai/deepsearch",
    ),
    Seller(
        "glama",
        ("glama.ai", "gateway.glama.ai"),
        "https://glama.ai/gateway",
        bases=("/api/gateway/openai/v1", "/openai/v1", "/v1"),
        site=True,
    ),
    Seller(
        "helicone-gateway",
        ("gateway.helicone.ai", "gateway.hconeai.com"),
        "https://docs.helicone.ai/getting-started/integration-method/gateway",
    ),
    Seller(
        "heroku",
        ("us.inference.heroku.com", "eu.inference.heroku.com", "*.inference.heroku.com"),
        "https://devcenter.heroku.com/articles/heroku-inference-api-v1-chat-completions",
    ),
    Seller("infermatic", ("api.totalgpt.ai", "api.infermatic.ai"), "https://infermatic.ai/docs"),
    Seller(
        "ionos",
        ("openai.inference.de-txl.ionos.com", "openai.inference.*.ionos.com"),
        "https://docs.ionos.com/cloud/ai/ai-model-hub",
    ),
    Seller(
        "infomaniak",
        ("api.infomaniak.com",),
        "https://developer.infomaniak.com/docs/api, AI Tools",
        bases=("/1/ai/{}/openai", "/2/ai/{}/openai/v1"),
        site=True,
    ),
    Seller(
        "longcat",
        ("api.longcat.chat",),
        "https://longcat.chat/platform/docs",
        bases=("/openai/v1", "/openai"),
        messages=("/anthropic/v1",),
    ),
    Seller(
        "langdock",
        ("api.langdock.com",),
        "https://docs.langdock.com/api-endpoints",
        bases=("/openai/{}/v1", "/mistral/{}/v1"),
        messages=("/anthropic/{}/v1",),
    ),
    Seller("liquid", ("api.liquid.ai",), "https://docs.liquid.ai"),
    Seller(
        "mancer",
        ("neuro.mancer.tech",),
        "https://mancer.tech/docs",
        bases=("/oai/v1",),
    ),
    Seller(
        "martian",
        ("withmartian.com", "api.withmartian.com"),
        "https://docs.withmartian.com",
        bases=("/api/openai/v1", "/v1"),
        messages=("/v1",),
        site=True,
    ),
    Seller(
        "notdiamond",
        ("proxy.notdiamond.ai",),
        "https://docs.notdiamond.ai",
        bases=("/v1/proxy", "/v1"),
    ),
    Seller(
        "pollinations",
        ("gen.pollinations.ai", "text.pollinations.ai"),
        "https://github.com/pollinations/pollinations, APIDOCS.md",
        bases=("/v1", "", "/openai"),
    ),
    Seller(
        "portkey",
        ("api.portkey.ai",),
        "https://portkey.ai/docs/api-reference/inference-api",
        messages=("/v1",),
    ),
    Seller(
        "roo",
        ("api.roocode.com",),
        "https://docs.roocode.com/roo-code-router",
        bases=("/proxy/v1",),
    ),
    Seller(
        "sensenova",
        ("api.sensenova.cn",),
        "https://platform.sensenova.cn/doc",
        bases=("/compatible-mode/v1", "/compatible-mode/v2", "/v1"),
    ),
    Seller(
        "spark",
        ("spark-api-open.xf-yun.com", "maas-api.cn-huabei-1.xf-yun.com"),
        "https://www.xfyun.cn/doc/spark/HTTP调用文档.html",
        bases=("/v1", "/v2", "/x2"),
    ),
    Seller("targon", ("api.targon.com",), "https://docs.targon.com"),
    Seller(
        "pydantic-gateway",
        ("gateway.pydantic.dev", "gateway-us.pydantic.dev", "gateway-eu.pydantic.dev"),
        "https://github.com/pydantic/pydantic-ai, providers/gateway.py",
        bases=("/proxy/openai", "/proxy/chat", "/proxy/groq", "/proxy/openai/v1"),
        messages=("/proxy/anthropic/v1",),
    ),
    Seller(
        "sambanova-fast",
        ("fast-api.snova.ai",),
        "https://community.sambanova.ai, the host of its API before api.sambanova.ai",
    ),
    Seller(
        "braintrust",
        ("braintrustproxy.com", "api.braintrustproxy.com", "api.braintrust.dev"),
        "https://github.com/braintrustdata/braintrust-proxy; autoevals npm 0.0.132, PROXY_URL",
        bases=("/v1", "/v1/proxy"),
        site=True,
        # What its own SDKs ask besides: github.com/braintrustdata/braintrust-sdk-go, 63142de71353,
        # eval/testdata/cassettes
        product=("/v1/dataset/**", "/v1/function/**", "/api/apikey/login"),
    ),
    Seller(
        "braintrust-gateway",
        ("gateway.braintrust.dev",),
        "autoevals 0.4.1, GATEWAY_URL: where it asks unless it is told another address",
        bases=("", "/v1"),
    ),
    Seller(
        "keywordsai",
        ("api.keywordsai.co", "api.respan.ai"),
        "https://docs.keywordsai.co/get-started/quickstart/gateway",
        bases=("/api", "/api/openai", "/api/openai/v1"),
        messages=("/api/anthropic/v1",),
        site=True,
    ),
    Seller(
        "langdb",
        ("api.us-east-1.langdb.ai", "api.langdb.ai"),
        "https://docs.langdb.ai/getting-started/quick-start",
        bases=("", "/v1", "/{}/v1"),
    ),
    Seller(
        "openpipe",
        ("api.openpipe.ai", "app.openpipe.ai"),
        "https://docs.openpipe.ai/api-reference",
        bases=("/api/v1",),
        site=True,
    ),
    *_rows(
        OWN,
        ("aionlabs", "api.aionlabs.ai"),
        ("apimart", "api.apimart.ai"),
        ("apiyi", "api.apiyi.com"),
        ("arliai", "api.arliai.com"),
        ("atlascloud", "api.atlascloud.ai"),
        ("closeai", "api.openai-proxy.org"),
        ("digitalocean-agents", "*.agents.do-ai.run", "/api/v1"),
        ("electronhub", "api.electronhub.ai"),
        ("euron", "api.euron.one", "/api/v1/euri"),
        ("glhf", "glhf.chat", "/api/openai/v1"),
        ("heurist", "llm-gateway.heurist.xyz"),
        ("laozhang", "api.laozhang.ai"),
        ("lightning", "lightning.ai", "/api/v1"),
        ("lovable", "ai.gateway.lovable.dev"),
        ("naga", "api.naga.ac"),
        ("nous", "inference-api.nousresearch.com"),
        ("prime-intellect", "api.pinference.ai", "/api/v1"),
        ("redpill", "api.redpill.ai"),
        ("runware", "api.runware.ai"),
        ("textsynth", "api.textsynth.com"),
    ),
    Seller("unify", ("api.unify.ai",), "https://docs.unify.ai/api-reference", bases=("/v0", "/v1")),
    Seller(
        "yandex",
        ("llm.api.cloud.yandex.net", "ai.api.cloud.yandex.net"),
        "https://yandex.cloud/docs/foundation-models/concepts/openai-compatibility",
    ),
)

PROVIDERS: tuple[Provider, ...] = tuple(seller.provider for seller in SELLERS)
