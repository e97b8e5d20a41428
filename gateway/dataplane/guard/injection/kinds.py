"""Instructions to a model, as they stand in text that nobody vouches for: one expression for each way of saying it.

Hyperscan runs the expression over the text, Python around the place where it matched, to tell where it begins; where all of it
would be dear, Hyperscan gets the part that is rare in ordinary text. Both must take it: no look-around, bounded repeats, bytes for what is not ASCII; and no alternative that another one ends with (`dem|bei dem`): Hyperscan
0.9.1 then misses what stands far from the start of the text, which the tests of each phrase in a long text showed. Phrases are those that published attacks are made of: Greshake et
al. 2023 (indirect prompt injection), AgentDojo 2024, Invariant Labs 2025 (tool poisoning), Boucher and Anderson 2021 (Trojan
Source), Rehberger 2024 (ASCII smuggling by tag characters).
"""

from collections.abc import Callable
from typing import Final

from gateway.base.core.struct import Record
from gateway.dataplane.guard.expression import Expression
from gateway.dataplane.guard.finding import Confidence
from gateway.dataplane.guard.injection.hidden import is_no_flag


class Rule(Record, frozen=True):
    """`expressions` for Hyperscan, `confirms` for Python, of which all that matches is the instruction."""

    id: str
    title: str
    expressions: tuple[str, ...]
    confirms: tuple[Expression, ...]
    confidence: Confidence = Confidence.FORMAT
    check: Callable[[bytes, int], bool] | None = None
    """Asked of the text and the place of the match."""


def _rule(
    rule_id: str,
    title: str,
    *expressions: str | tuple[str, str],
    check: Callable[[bytes, int], bool] | None = None,
    confidence: Confidence = Confidence.FORMAT,
) -> Rule:
    """One expression does for both, or a pair: what is rare for Hyperscan, all of it for Python."""
    pairs = [each if isinstance(each, tuple) else (each, each) for each in expressions]
    confirms = tuple(Expression(confirm) for _, confirm in pairs)
    return Rule(rule_id, title, tuple(prefilter for prefilter, _ in pairs), confirms, confidence, check)


_S: Final = r"[\s>*#\\/_-]{1,6}"
"""Between words: spaces, line breaks, and what begins a line of a quotation or a comment."""
_FEW: Final = rf"(?:{_S}[a-z'\"]{{1,14}},?){{0,4}}{_S}"
_EARLIER: Final = (
    "(?:previous|prior|above|earlier|preceding|foregoing|original|initial|existing|former|system|developer|safety)"
)
_ORDERS: Final = "(?:instruction|prompt|directive|guideline|command|direction|constraint|restriction|programming)"
_AI: Final = (
    "(?:ai|llm|llms|language model|chatbot|(?:ai|coding|virtual) (?:assistant|agent|model)|assistant|claude|chatgpt|gpt|gpt-[0-9]|copilot"
    "|codex|gemini|cursor)"
)
_LOOT: Final = (
    r"(?:env(?:ironment)?[ _]var\w{0,8}|\.env|api[ _-]?keys?|secrets?|credentials?|passwords?|(?:ssh|private|signing)[ _-]keys?|id_rsa"
    r"|(?:access|session|auth)[ _-]?tokens?|system prompt|(?:conversation|chat)(?: history)?|source code|cookies|\.aws|\.ssh)"
)

_SEND: Final = "(?:send|post|upload|exfiltrate|forward|transmit|leak|email|submit|deliver)"
_SMALL: Final = rf"(?:(?:all|the|your|any|every|contents?|of|my|our|these|its|full|entire|user's|users'?){_S}){{0,5}}"

RULES: Final = (
    _rule(
        "override",
        "Asks to ignore what was said before",
        rf"(?i)\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget){_FEW}{_EARLIER}{_S}(?:[a-z]{{3,12}}{_S}){{0,2}}(?:{_ORDERS}|rule|message|context|task|conversation)",
        rf"(?i)\b(?:override|overrule|bypass|abandon){_S}(?:all{_S}|any{_S}|of{_S}|the{_S}|your{_S}){{0,3}}{_EARLIER}{_S}(?:instruction|prompt|directive|guideline|restriction|rule|programming)",
        rf"(?i)\b(?:ignore|disregard|forget){_S}(?:(?:all|any|every){_S}(?:of{_S})?(?:the{_S}|your{_S}|my{_S}|those{_S})?|your{_S})(?:instruction|prompt|directive|guideline|rules|training|programming)",
        rf"(?i)\b(?:ignore|disregard|forget){_S}(?:everything|anything|all|what){_S}(?:that{_S}|i{_S}|you{_S}|was{_S}|were{_S}|have{_S}|been{_S}|is{_S}){{0,4}}(?:told|said|written|above|before|prior|learned|instructed)",
        rf"(?i)\b(?:do{_S}not|don't|never|stop){_S}(?:follow|obey|following|obeying|comply{_S}with){_S}(?:any{_S}|all{_S}|the{_S}|your{_S}|of{_S}){{0,3}}{_EARLIER}{_S}{_ORDERS}",
        rf"(?i)\byour{_S}(?:new|real|actual|true|only|updated){_S}(?:task|instructions?|goal|role|objective|mission|orders?|system{_S}prompt){_S}(?:is|are)\b",
        rf"(?i)\b(?:new|updated|revised){_S}(?:system|developer|admin){_S}(?:prompt|instructions?|message)\s{{0,3}}:",
    ),
    _rule(
        "override-translated",
        "Asks to ignore what was said before, in a language other than English",
        r"(?i)\b(?:ignorier|vergiss|vergess|missacht)[a-z]{0,3}[ ,](?:[a-z]{2,12} ){0,4}(?:vorherigen|vorigen|bisherigen|obigen|früheren|vorangegangenen|vorangehenden|ursprünglichen) (?:anweisung|instruktion|befehl|vorgabe|regel|aufforderung|prompt)",
        r"(?i)\b(?:ignor|oubli|néglig)[a-z]{0,4} (?:[a-z]{2,8} ){0,3}(?:instructions?|consignes?|directives?|règles?|ordres?) (?:précédente?s?|antérieure?s?|ci-dessus|initiales?)",
        r"(?i)\b(?:ignor|olvid|omit)[a-z]{0,3} (?:[a-z]{2,8} ){0,3}(?:instrucciones?|indicaciones|órdenes|reglas|directrices) (?:anteriores|previas|precedentes|iniciales)",
        r"(?i)\b(?:ignor|dimentic|trascur)[a-z]{0,4} (?:[a-z]{2,8} ){0,3}(?:istruzioni|indicazioni|direttive|regole|comandi) (?:precedenti|anteriori|iniziali|di cui sopra)",
        r"(?i)\b(?:ignor|esque|desconsider)[a-z]{0,4} (?:[a-z]{2,8} ){0,3}(?:instruções|ordens|regras|diretrizes|orientações) (?:anteriores|prévias|acima|iniciais)",
        r"(?i)\b(?:negeer|vergeet) (?:[a-z]{2,8} ){0,3}(?:vorige|eerdere|voorgaande|bovenstaande) (?:instructies|opdrachten|regels|aanwijzingen)",
        r"(?i)\b(?:zignoruj|ignoruj|zapomnij)(?:cie)? (?:[a-z]{1,12} ){0,3}(?:poprzedni|wcześniejsz|powyższ)[a-z]{1,4} (?:instrukcj|polece|zasad)",
        r"(?i)\b(?:ignorera|glöm|bortse från) (?:[a-z]{2,8} ){0,3}(?:tidigare|föregående|ovanstående) (?:instruktioner|anvisningar|regler)",
        r"(?i)\babaikan (?:[a-z]{2,8} ){0,2}(?:instruksi|perintah|petunjuk)(?: [a-z]{2,8}){0,2} (?:sebelumnya|di atas)",
        r"(?:(?:и|И)гнорируй|(?:з|З)абудь|(?:о|О)тбрось)(?:те)? (?:.{2,30} )??(?:предыдущ|прежн|вышеуказанн|ранее)[^\0\n]{2,12}(?:инструкц|указани|команд|правил)",
        r"(?:忽略|無視|无视|忘记|忘記|不要理会)[^\0\n]{0,12}(?:之前|以上|上面|先前|前面|此前|上述|以前)[^\0\n]{0,15}(?:指令|指示|提示|说明|說明|命令|规则|規則)",
        r"(?:以前|これまで|上記|前|今まで|以上)の(?:すべての|全ての|あらゆる)?(?:指示|命令|プロンプト|指令|ルール)[^\0\n]{0,15}(?:無視|忘れ)",
        r"(?:이전|위의?|앞의?|앞선|기존)[^\0\n]{0,14}(?:지시|명령|지침|프롬프트)[^\0\n]{0,15}(?:무시|잊)",
        r"(?:تجاهل|انس)[^\0\n]{0,20}(?:التعليمات|الأوامر|التوجيهات)[^\0\n]{0,10}(?:السابقة|أعلاه)",
        r"(?:पिछले|पूर्व|ऊपर के)[^\0\n]{0,20}(?:निर्देश|आदेश)[^\0\n]{0,24}(?:अनदेखा|नज़रअंदाज़|भूल)",
        r"(?:önceki|yukarıdaki)[^\0\n]{0,14}(?:talimat|komut|yönerge)[^\0\n]{0,14}(?:yok say|unut|görmezden gel|dikkate alma)",
        r"(?i)(?:bỏ qua|quên)[^\0\n]{0,40}(?:hướng dẫn|chỉ thị|chỉ dẫn|lệnh)[^\0\n]{0,8}(?:trước|ở trên)",
    ),
    _rule(
        "chat-template",
        "Tokens that open or close turns for a model",
        r"<\|(?:im_start|im_end|im_sep|system|user|assistant|eot_id|eom_id|begin_of_text|end_of_text|start_header_id|end_header_id|end_of_turn|channel|start|return|python_tag|fim_prefix|endofprompt)\|>",
        r"<(?:start|end)_of_turn>",
        r"<</?SYS>>",
        r"\[/?INST\]",
        r"<｜(?:User|Assistant|System|begin|end)",
        r"\[(?:SYSTEM|AVAILABLE)_(?:PROMPT|TOOLS)\]",
    ),
    _rule(
        "fake-turn",
        "Plays a turn of the system, the developer or the assistant",
        (
            r"(?i)(?:system|developer|admin)(?: (?:message|prompt|override|notice|instructions?|update|alert))?\]?\s{0,2}[:>\]-]{1,3}\s{0,3}\**\s?(?:you (?:are|must|will|should|have|can)|ignore|disregard|from now on|new instr|attention|override|the (?:user|assis)|all pr|your (?:new|task))",
            r"(?i)[\n>\]*#\"]\s{0,4}\[?(?:system|developer|admin)(?: (?:message|prompt|override|notice|instructions?|update|alert))?\]?\s{0,2}[:>\]-]{1,3}\s{0,3}(?:\**\s?)(?:you (?:are|must|will|should|have|can)|ignore|disregard|from now on|new instructions|attention|override|the (?:user|assistant) (?:has|is|must)|all (?:previous|prior)|your (?:new|task))",
        ),
        r"(?i)<(?:system|developer|admin)(?:[_-](?:message|prompt|instructions?|override|note))?>\s{0,4}(?:you (?:are|must|will|should)|ignore|disregard|from now|new |attention|important|override|the user)",
        r"\n\nHuman:[^\0]{1,300}\n\nAssistant:",
        rf"(?i)</(?:tool_result|function_results?|tool_response|tool_output|user_input|untrusted|document|search_results?)>\s{{0,6}}(?:<|you{_S}|ignore|system|important|now{_S}|human:)",
        rf"(?i)\b(?:end|beginning|start){_S}of{_S}(?:the{_S})?(?:user|untrusted|tool|document|search){_S}(?:input|data|output|results?|content)\b[^\0]{{0,40}}\b(?:system|instruction|ignore|you{_S}must)",
    ),
    _rule(
        "persona",
        "Gives the model another role, without its rules",
        rf"(?i)\b(?:you{_S}are|act{_S}as|pretend{_S}(?:to{_S}be|you{_S}are)|you{_S}will{_S}(?:act{_S}as|be)){_S}(?:now{_S})?(?:a{_S}|an{_S})?(?:DAN\b|unrestricted|uncensored|unfiltered|jailbroken|evil|amoral|developer{_S}mode|god{_S}mode)",
        rf"(?i)\bfrom{_S}now{_S}on,?{_S}(?:you{_S}(?:are|will|must|act|answer|respond|obey|should)|act{_S}as|respond{_S}(?:only|as|with)|ignore|only{_S}(?:obey|follow|respond))",
        rf"(?i)\b(?:do{_S}anything{_S}now|(?:without|no|free{_S}of|have{_S}no){_S}(?:any{_S})?(?:ethical|moral|safety|content){_S}(?:restriction|guideline|limit|filter|constraint|polic))",
        rf"(?i)\b(?:enter|enable|activate|switch{_S}(?:in)?to){_S}(?:developer|debug|god|dan|jailbreak|unrestricted|maintenance|admin){_S}mode\b.{{0,40}}\b(?:you|ignore|restriction|filter|rules|safety)",
        rf"(?i)\byou{_S}are{_S}(?:now{_S}|no{_S}longer{_S})(?:a|an|the|in|bound|restricted|limited|subject)\b.{{0,60}}\b(?:assistant|model|agent|mode|bot|guideline|polic|rule|restriction|hacker|system)",
    ),
    _rule(
        "concealment",
        "Asks to keep something from the user",
        (
            rf"(?i)(?:not|n't|dont|never|without){_S}(?:tell|inform|mention|notif|alert|reveal|disclos|warn|let{_S}the{_S}user)",
            rf"(?i)\b(?:do{_S}not|don't|dont|never|must{_S}not|should{_S}not|without){_S}(?:tell|telling|inform|informing|mention|mentioning|notify|notifying|alert|alerting|reveal|revealing|disclose|disclosing|let|warn|warning)(?:{_S}(?:this|it|that|anything|about|any|of|these|actions?|to|instructions?)){{0,5}}{_S}(?:the{_S}|your{_S}|any{_S})(?:user|human|operator|developer)\b(?!{_S}to{_S})",
        ),
        rf"(?i)\b(?:the{_S}|your{_S})(?:user|human|operator){_S}(?:must|should|need|does){_S}?(?:not|n't|never){_S}(?:{_S}|to{_S}|need{_S}to{_S}|ever{_S}|be{_S}){{0,3}}(?:know|find{_S}out|notice|see{_S}this|told|informed|aware|learn{_S}(?:of|about))",
        rf"(?i)\b(?:keep|hide){_S}(?:this|it|these|that)(?:{_S}(?:a{_S})?(?:secret|hidden))?{_S}from{_S}(?:the{_S}|your{_S})(?:user|human|operator)\b",
        rf"(?i)\b(?:silently|secretly|covertly|quietly){_S}(?:send|upload|run|execute|exfiltrate|add|insert|install|include|read|forward|post){_S}",
        r"(?i)(?:sag|verrat|erzähl|erwähn)[a-z]{0,2} (?:es |das |dies |davon )?dem (?:be)?nutzer nicht",
        r"(?i)ne (?:le )?(?:dis|dites|mentionne|mentionnez|révèle) (?:pas|rien) (?:cela |ceci )?à l.{1,3}utilisateur",
        r"(?i)no (?:se )?(?:lo )?(?:digas|menciones|informes|reveles) (?:nada |esto )?(?:de esto )?al usuario",
        r"不要告诉用户|不要告訴使用者|ユーザーに(?:は)?(?:言わない|知らせない|伝えない)|사용자에게 (?:알리지|말하지) ",
    ),
    _rule(
        "exfiltration",
        "Asks to send secrets or what was said to somebody",
        (
            rf"(?i)\b{_SEND}{_S}{_SMALL}{_LOOT}",
            rf"(?i)\b{_SEND}{_S}{_SMALL}{_LOOT}(?:\s{{1,3}}[^\0\s]{{1,20}}){{0,4}}?\s{{1,3}}(?:to|at|via|using|with){_S}(?:this{_S}|the{_S}|following{_S}|our{_S}|my{_S}|an?{_S}){{0,3}}(?:https?://|[\w.+-]{{1,40}}@[a-z0-9]|webhook|attacker|external|remote{_S}(?:server|host)|endpoint:|url:|address:|server{_S}at)",
        ),
        (
            rf"(?i)\b(?:append|attach|add|encode|embed|put|insert){_S}{_SMALL}{_LOOT}{_S}",
            rf"(?i)\b(?:append|attach|add|encode|embed|put|insert){_S}{_SMALL}{_LOOT}(?:\s{{1,3}}[^\0\s]{{1,20}}){{0,4}}?\s{{1,3}}(?:query{_S}(?:parameter|string)|image{_S}url|url{_S}(?:parameter|as)|as{_S}a{_S}parameter|in{_S}the{_S}url|markdown{_S}image)",
        ),
        (
            r"\]\(https?://[^)\0\n\s]{1,200}[=/](?:\{\{?|<|\[|%7B|\$\{)",
            r"(?i)!\[[^\]\0\n]{0,60}\]\(https?://[^)\0\n]{1,200}[=/](?:\{\{?|<|\[|%7B|\$\{?)\s?(?:data|secret|conversation|history|token|key|prompt|content|summary|chat|user|base64|encoded|leak)",
        ),
        (
            r"(?:~/\.ssh|~/\.aws|id_rsa|\.cursor/mcp\.json|\.claude\.json|/etc/passwd)",
            rf"(?i)\b(?:read|open|cat|fetch|get|copy|dump|collect)\s{{1,3}}(?:[^\0\s]{{1,20}}\s{{1,3}}){{0,2}}[^\0\s]{{0,9}}?(?:~/\.ssh|~/\.aws|id_rsa|/etc/passwd|\.cursor/mcp\.json|\.claude\.json)[^\0]{{0,60}}?\b(?:send|pass|post|upload|include|append|attach|sidenote|put){_S}",
        ),
    ),
    _rule(
        "prompt-extraction",
        "Asks for the instructions that the model was given",
        rf"(?i)\b(?:reveal|print|output|repeat|show|display|disclose|tell{_S}me|give{_S}me|leak|recite|dump|share|expose|write{_S}out|translate|summari[sz]e|encode){_S}(?:me{_S}|us{_S}|all{_S}|of{_S}|out{_S}|exactly{_S}|back{_S}|verbatim{_S}){{0,3}}(?:your|the){_S}(?:full{_S}|entire{_S}|complete{_S}|exact{_S}|hidden{_S}|secret{_S}|original{_S}|initial{_S}|whole{_S}){{0,3}}(?:system{_S}(?:prompt|message|instructions?)|(?:hidden|secret|initial|original){_S}(?:prompt|instructions?)|developer{_S}(?:message|prompt|instructions?))",
        rf"(?i)\b(?:repeat|print|output|copy|write|say){_S}(?:back{_S}|out{_S}|all{_S}|of{_S}|to{_S}me{_S}){{0,3}}(?:everything|the{_S}(?:words|text|instructions|conversation)|all{_S}(?:text|words)){_S}(?:that{_S}(?:is{_S}|are{_S})?)?above\b",
        rf"(?i)\bwhat{_S}(?:is|are|was|were){_S}your{_S}(?:exact{_S}|full{_S}|original{_S}|initial{_S})?(?:system{_S}prompt|(?:system|initial|original|hidden){_S}instructions)",
    ),
    _rule(
        "addressed-to-model",
        "Speaks to whatever model reads it",
        rf"(?i)\b(?:note|message|instructions?|attention|important|reminder|notice|warning|directive)s?{_S}(?:to|for|from{_S}the{_S}user{_S}to){_S}(?:the{_S}|all{_S}|any{_S}|every{_S}|an?{_S}){{0,2}}{_AI}(?:{_S}(?:assistants?|agents?|models?|reading{_S}this|systems?)){{0,2}}\s{{0,2}}[:!]",
        rf"(?i)\bif{_S}you{_S}are{_S}(?:an?|the){_S}{_AI}\b",
        rf"(?i)\b(?:dear|hey|hello|attention),?{_S}(?:the{_S}|all{_S})?{_AI}(?:{_S}(?:assistants?|agents?|models?))?\s{{0,2}}[:,!]",
        rf"(?i)\b(?:ai|llm|language{_S}model|ai{_S}(?:agent|assistant|model)|assistant|agent)s?{_S}(?:reading|processing|analy[sz]ing|summari[sz]ing|viewing|reviewing){_S}(?:this|the{_S}(?:page|document|file|text|above|following|code|repo))",
        rf"(?i)<!--[^>\0]{{0,160}}\b(?:ignore{_S}(?:all|any|the|your|previous|problems?)\b|you{_S}must|do{_S}not{_S}(?:tell|mention)|{_AI}\b[,:]?(?:{_S}[a-z]{{1,12}}){{0,4}}{_S}(?:must|should|please|always|never|run|execute|fetch|send|include|add|open|read)\b|when{_S}(?:summari[sz]ing|processing|answering))",
        rf"(?i)\bimportant{_S}message{_S}from{_S}(?:me|the{_S}user|your{_S}(?:user|developer|creator))",
        rf"(?i)\bbefore{_S}(?:you{_S})?(?:can{_S})?(?:solve|solving|complete|completing|continue|continuing|do|answer|answering){_S}(?:with{_S})?(?:the|your|my){_S}(?:task|question|request|original{_S}task)\b.{{0,80}}\b(?:first|following|must|need{_S}to)\b",
    ),
    _rule(
        "tool-poisoning",
        "A tool's description that asks for other things to be done",
        rf"(?i)\b(?:before|after|when(?:ever)?|prior{_S}to|in{_S}order{_S}to{_S}use){_S}(?:you{_S})?(?:us(?:e|ing)|call(?:ing)?|invok(?:e|ing)|runn?(?:ing)?)?{_S}?(?:this|any|any{_S}other|other|the){_S}(?:[a-z_]{{1,20}}{_S})?tools?\b[^\0]{{0,80}}\b(?:read|open|send|upload|pass|cat|append|include|fetch|execute){_S}[^\0]{{0,60}}(?:~/|\.ssh|\.env|\.json|config|history|https?://|credentials|contents?|secret|sidenote)",
        r"(?i)<important>[^\0]{0,200}\b(?:read|send|pass|before|must|do not|never)\b",
        rf"(?i)\b(?:this{_S}tool{_S}(?:must|has{_S}to|should){_S}(?:always{_S})?be{_S}(?:called|used|run){_S}(?:first|before)|otherwise{_S}the{_S}tool{_S}will{_S}not{_S}work|implementation{_S}detail{_S}the{_S}user)",
    ),
    _rule(
        "hidden-text",
        "Characters that people do not see: tags, zero-width, overrides of direction, variation selectors, concealed terminal text",
        r"(?:\xf3\xa0[\x80\x81][\x80-\xbf]){4,}",
        r"(?:\xf3\xa0[\x84-\x87][\x80-\xbf]){4,}",
        r"(?:\xef\xb8[\x80-\x8f]){4,}",
        r"(?:\xe2\x80[\x8b-\x8f]|\xe2\x81[\xa0-\xa4]|\xef\xbb\xbf){6,}",
        r"(?:[A-Za-z](?:\xe2\x80[\x8b-\x8d]|\xe2\x81\xa0|\xef\xbb\xbf)){4}",
        r"\xe2\x80[\xad\xae]",
        r"\x1b\[(?:[0-7];){0,2}8m",
        check=is_no_flag,
        confidence=Confidence.PROVEN,
    ),
)  # fmt: skip

TITLES: Final = {rule.id: rule.title for rule in RULES}
