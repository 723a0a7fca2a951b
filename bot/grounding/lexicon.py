"""The word lists that claims and contradictions are read with, English and Chinese: data, no decisions."""

from types import MappingProxyType


def _words(text: str) -> frozenset[str]:
    """The words of a blank-separated list."""
    return frozenset(text.split())


def _classes(*groups: str) -> MappingProxyType[str, str]:
    """Every word of a group (blank-separated) to the group's first word."""
    return MappingProxyType({word: group.split()[0] for group in groups for word in group.split()})


STOP = _words(
    """
    usually normally generally typically often mostly approximately roughly around nearly
    use uses used using take takes took taking stay stays remain remains possible find finds last lasts
    product products item items thing
    things article articles receive receives received earn earns earned don't doesn't didn't isn't aren't
    wasn't weren't won't can't cannot couldn't shouldn't wouldn't haven't hasn't hadn't mustn't
    a an the this that these those there here it its they them their he she his her i we you your yours our ours
    us me my mine is are was were be been being am do does did done doing have has had having will would shall
    should can could may might must to of in on at by for from with as into onto about so then than too also and
    or but if when while which who whom whose what where how why because since not no nor please just already
    still yet even very really quite rather such own same up out off over under again once per via each any some
    all every both either only else get gets got getting let lets 's 't 're 've 'll 'd 'm well now however
    therefore thus hence within without until till unless after before during between through upon above below
    yes okay ok sure go goes come comes need needs needed want wants like know note kindly simply able happen
    happens means mean regarding concerning well
    """
)
"""Words that state nothing alone. Those of them that bend a statement are read by ``polarity``."""

IRREGULAR = MappingProxyType(
    {
        "shown": "show", "known": "know", "worn": "wear", "brought": "bring", "found": "find", "built": "build",
        "met": "meet", "told": "tell", "said": "say", "driven": "drive", "drawn": "draw", "grown": "grow",
        "paid": "pay", "sent": "send", "bought": "buy", "kept": "keep", "held": "hold", "left": "leave",
        "leaves": "leave", "taken": "take", "took": "take", "given": "give", "gave": "give", "made": "make",
        "sold": "sell", "got": "get", "gotten": "get", "came": "come", "went": "go", "gone": "go", "spent": "spend",
        "chosen": "choose", "chose": "choose", "began": "begin", "begun": "begin", "lasted": "last",
        "weighs": "weigh", "weight": "weigh", "weighing": "weigh", "people": "person", "persons": "person",
        "women": "woman", "women's": "woman", "men": "man", "men's": "man", "children": "child", "feet": "foot",
        "purchase": "purchase", "delivery": "deliver", "deliveries": "deliver", "warranty": "warranty",
        "guarantee": "guarantee", "reached": "reach", "reaches": "reach", "written": "write", "wrote": "write",
        "broken": "break", "lost": "lose", "hung": "hang", "dried": "dry", "dries": "dry", "drying": "dry",
        "tried": "try", "tries": "try", "stored": "store", "storage": "store", "storing": "store", "bags": "bag",
        "tying": "tie", "duties": "duty", "taxes": "tax", "taxed": "tax", "buses": "bus", "lens": "lens",
        "species": "species", "its": "it", "has": "have", "gas": "gas", "plus": "plus", "address": "address",
        "addresses": "address", "business": "business", "express": "express", "wireless": "wireless",
        "colours": "colour", "colors": "colour", "color": "colour", "colored": "colour", "coloured": "colour",
        "grey": "grey", "gray": "grey", "cheques": "cheque", "checks": "check", "postal": "post", "posted": "post",
    }
)  # fmt: skip
"""Forms that the light stemmer would miss or harm."""

SYNONYMS = (
    "price cost costs pay charge charges charged fee fees amount",
    "return send-back bring-back take-back hand-back",
    "refund repay reimburse reimbursement money-back pay-back give-back",
    "deliver arrive arrival reach transit",
    "ship dispatch send leave shipment shipping despatch",
    "parcel package packet shipment box consignment",
    "order purchase buy bought shopping",
    "item article product good goods thing piece items",
    "shopper customer client buyer",
    "exchange swap replace switch",
    "warranty guarantee",
    "colour shade",
    "cancel call-off",
    "change modify amend alter edit adjust",
    "take last need require",
    "accept take",
    "offer have provide give come",
    "pay payment checkout settle",
    "mail e-mail email",
    "phone telephone call ring",
    "showroom store shop location",
    "voucher code coupon promo",
    "keep store hold retain save",
    "delete erase remove wipe",
    "data information details",
    "person people sleep capacity someone",
    "waterproof water-resistant hydrostatic",
    "tent shelter",
    "backpack rucksack pack daypack",
    "jacket coat",
    "trousers pants",
    "repair fix mend",
    "faulty defective broken damaged defect",
    "unused unworn new",
    "height high tall",
    "width wide",
    "length long",
    "inner inside interior",
    "size dimension fit",
    "weigh heavy",
    "setup pitch assemble set-up",
    "entrance door entry",
    "include contain come supply",
    "purchased bought",
    "point points",
    "expire lapse end",
    "free gratis complimentary",
    "earn collect gain",
    "receive get obtain",
    "use apply redeem",
    "location address",
    "collect pick-up pickup",
    "stock available availability",
    "available buy",
    "deliver carry transport",
    "day days",
    "hour hours",
    "open opening",
    "made consist fabric material make",
    "wash clean launder",
    "use spend",
    "start begin",
    "choose pick select",
    "show display",
    "help assist support",
    "original initial",
    "contact reach write",
    "send transfer credit",
    "happen occur",
    "join enrol register subscribe sign-up",
    "member membership",
    "valid good",
    "minimum least",
    "maximum most",
    "country nation",
    "abroad overseas international",
    "parcel order",
    "back return",
    "duty customs",
    "tumble-dry dryer",
    "finish end",
    "method means way",
    "immediately straight-away instantly",
    "company firm business",
    "status state",
    "track follow trace",
)
"""Groups of words that a paraphrase may swap in a shop's talk; a word may stand in several groups."""

PHRASES = MappingProxyType(
    {
        "send back": "return", "sent back": "returned", "sending back": "returning", "bring back": "return",
        "take back": "return", "taken back": "returned", "give back": "return", "money back": "refund",
        "paid back": "refunded", "pay back": "refund", "set up": "setup", "pick up": "pickup", "picked up": "pickup",
        "call off": "cancel", "log in": "login", "sign up": "register",  "as well": "also",
        "free of charge": "free", "available in": "comes in",
        "at no charge": "free", "no charge": "free", "without charge": "free",
        "at no cost": "free", "no extra cost": "free", "at no extra cost": "free", "for nothing": "free",
        "costs nothing": "is free", "cost nothing": "are free", "not charged": "free",
        "feel free": "please", "e mail": "email", "out of stock": "sold-out", "sold out": "sold-out",
        "no longer": "not", "any more": "", "rather than": "not", "instead of": "not",
        "business days": "working days", "business day": "working day", "set foot": "enter",
        "united kingdom": "uk", "great britain": "uk", "european union": "eu", "the netherlands": "netherlands",
        "tumble dry": "tumble-dry", "tumble dried": "tumble-dry", "apart from": "except", "other than": "except",
        "with the exception of": "except", "as long as": "if", "provided that": "if", "on condition that": "if",
        "made out of": "made of", "in case": "if", "look after": "care", "take care": "care",
        "customer service": "support", "pick-up": "pickup", "set-up": "setup", "e-mail": "email",
        "such as": "like", "for example": "like", "at the moment": "now", "right away": "immediately",
    }
)  # fmt: skip
"""Word groups that read as one word; longest first when applied."""

NEGATIONS = _words(
    """
    not no never none nor neither cannot can't won't don't doesn't didn't isn't aren't wasn't weren't shouldn't
    couldn't wouldn't mustn't haven't hasn't hadn't nothing nobody nowhere without unable excluded excluding
    exclude excludes impossible refuse refuses refused reject rejects rejected lack lacks lacking forbidden
    prohibited except unfortunately-not non hardly
    """
)

ZH_NEGATIONS = ("不", "没", "无", "未", "非", "勿", "禁止", "拒绝", "别", "除外")
ZH_ONLY = ("只", "仅", "唯", "才")
ZH_ALL = ("所有", "全部", "任何", "一切", "总是", "永远", "都", "每", "均", "终身", "一律", "保证", "全国", "全球")
ZH_CONDITIONS = ("如果", "除非", "除了", "若", "仅限", "前提", "必须", "需要", "须")
ZH_PAIRS = (
    ("免费", "收费"), ("之前", "之后"), ("以前", "以后"), ("以上", "以下"), ("最多", "最少"), ("至多", "至少"),
    ("包括", "不包括"), ("男", "女"), ("开封", "未开封"), ("买家", "卖家"), ("您承担", "我们承担"), ("超过", "不到"),
    ("满", "不满"), ("大于", "小于"),
)  # fmt: skip
ZH_STOP = frozenset("的了是在我们您你可以会将这那和与及或者也就把被给对于从到为以其该等请吧吗呢啊哦能要有后前内个后时")

ONLY = frozenset(["only", "solely", "exclusively", "just", "merely", "nothing-but"])
ALL = _words(
    """
    all every everything everyone anything anyone anywhere everywhere always any whatever whenever entire whole
    completely fully totally entirely guaranteed guarantee guarantees unlimited forever permanently absolutely
    definitely certainly instantly immediately automatically unconditionally lifetime worldwide each both
    no-matter regardless even unrestricted
    """
)
DETERMINERS = _words("all every each any everything everyone anything anyone")
"""Those of ``ALL`` that say the same: "all orders", "every order", "each order"."""

HEDGES = _words(
    """
    usually normally generally typically often mostly sometimes may might possibly probably some
    """
)
ABOUT = frozenset(["about", "around", "approximately", "roughly", "circa", "ca", "nearly", "almost"])
MUST = _words(
    """
    must required require requires obligatory mandatory have-to need-to needs-to
    """
)
OTHER = _words(
    """
    rest other others elsewhere remaining else otherwise outside beyond
    """
)

ANTONYMS = tuple(
    (frozenset(a.split()), frozenset(b.split()))
    for a, b in (
        ("free gratis", "charged charge fee chargeable payable"),
        ("before prior earlier", "after later afterwards following"),
        ("open opens opening", "closed close closes closing shut"),
        ("included include includes including inclusive", "excluded exclude excludes excluding exclusive"),
        ("with", "without"),
        ("men man men's male", "women woman women's female"),
        ("opened", "unopened sealed closed"),
        ("used worn", "unused unworn new"),
        ("more over above longer heavier", "less under below fewer shorter lighter"),
        ("first", "last"),
        ("minimum least", "maximum most"),
        ("cheaper", "dearer pricier costlier"),
        ("warm hot warmer", "cold cool colder lukewarm"),
        ("standard", "express"),
        ("inside inner internal", "outside outer external floor"),
        ("accept accepts accepted", "refuse refuses refused reject rejected decline"),
        ("faulty defective broken damaged", "unused new perfect intact"),
        ("add added", "deducted deduct subtracted removed"),
        ("indoor indoors", "outdoor outdoors"),
        ("early", "late"),
        ("in-stock available", "sold-out unavailable"),
        ("low gentle", "high"),
        ("machine", "hand"),
        ("dry", "wet"),
        ("waterproof", "water-repellent"),
        ("increase increased higher", "decrease decreased lower"),
        ("hard", "soft"),
        ("summer", "winter"),
        ("domestic", "international abroad"),
        ("gain earn receive", "lose forfeit"),
        ("allowed permitted possible", "forbidden prohibited banned impossible"),
        ("day", "night"),
        ("weekday weekdays", "weekend weekends"),
        ("left", "right"),
        ("pending", "packed shipped delivered cancelled returned"),
        ("packed", "shipped delivered cancelled returned"),
        ("shipped", "delivered cancelled returned"),
        ("natural", "synthetic"),
        ("waterproof", "windproof"),
        ("recycled", "virgin"),
        ("online", "offline"),
        ("short", "long"),
        ("down", "synthetic"),
        ("original", "different another other"),
    )
)
"""Pairs of which a sentence must not say one where its source says the other."""

SIDES = tuple(side for pair in ANTONYMS for side in pair)
"""Words of one side mean the same in a shop's talk, where the other side is in question."""

CLOSED = frozenset(word for pair in ANTONYMS for side in pair for word in side) | _words(
    """
    half double twice triple quarter third second extra bonus discount sale cash credit gift prize winner win
    legal medical doctor lawyer insurance safe safely toxic organic vegan certified award secret password prompt
    instructions compensation bitcoin crypto cryptocurrency red blue green black white yellow orange purple
    brown grey pink navy olive moss rust stone carbon titanium aluminium steel nylon polyester merino wool
    cotton leather gore-tex small medium large waterproof windproof breathable fireproof bulletproof unbreakable
    """
)
"""Words that no similar word stands in for."""

COUNTRIES = _classes(
    "nl netherlands holland dutch", "be belgium belgian", "de germany german", "uk britain british england scotland "
    "wales", "ch switzerland swiss", "fr france french", "es spain spanish", "it-country italy italian",
    "pt portugal portuguese", "at austria austrian", "lu luxembourg", "dk denmark danish", "se sweden swedish",
    "no-country norway norwegian", "fi finland finnish", "pl poland polish", "cz czechia czech", "ie ireland irish",
    "us usa america american", "ca-country canada canadian", "cn china", "jp japan japanese", "au australia australian",
    "in-country india indian", "br brazil brazilian", "mx mexico mexican", "ru russia russian", "tr turkey turkish",
    "gr greece greek", "hu hungary hungarian", "ro romania romanian", "bg bulgaria bulgarian", "hr croatia croatian",
    "si slovenia", "sk slovakia", "ee estonia", "lv latvia", "lt lithuania", "is-country iceland", "kr korea korean",
    "nz zealand", "za africa african", "ua ukraine", "eu", "europe european", "asia asian", "worldwide globally",
)  # fmt: skip
COUNTRY_CODES = MappingProxyType({"NL": "nl", "BE": "be", "DE": "de", "UK": "uk", "GB": "uk", "CH": "ch", "FR": "fr",
                                  "US": "us", "USA": "us", "EU": "eu", "AT": "at", "LU": "lu"})  # fmt: skip
ZH_COUNTRIES = MappingProxyType(
    {"荷兰": "nl", "比利时": "be", "德国": "de", "英国": "uk", "瑞士": "ch", "法国": "fr", "西班牙": "es",
     "意大利": "it-country",
     "欧盟": "eu", "欧洲": "europe", "美国": "us", "中国": "cn", "日本": "jp",
     "加拿大": "ca-country", "澳大利亚": "au", "全球": "worldwide",
     "全世界": "worldwide", "奥地利": "at", "卢森堡": "lu",
     "丹麦": "dk", "瑞典": "se", "挪威": "no-country", "芬兰": "fi", "波兰": "pl", "葡萄牙": "pt", "爱尔兰": "ie",
     "印度": "in-country", "俄罗斯": "ru", "韩国": "kr", "新加坡": "sg", "香港": "hk", "台湾": "tw", "亚洲": "asia"}
)  # fmt: skip

AUXILIARIES = _words(
    """
    can could may might must will would shall should do does did have has had am are is was were be been being not never
    also always only then just now still already to
    """
)
"""What may stand between somebody and what they do."""

SHOP_ACTORS = frozenset(["we", "i", "us", "larkfell", "shop", "seller", "store"])
SHOPPER_ACTORS = frozenset(["you", "customer", "shopper", "buyer", "client", "recipient"])
