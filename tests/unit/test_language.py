"""What language detection promises: English and Chinese right, others as well as small words allow."""

import pytest

from bot.understanding.language import detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("where is my order?", "en"),
        ("do you ship to Norway", "en"),
        ("你好", "zh"),
        ("订单LF-204518到哪了", "zh"),
        ("Tarn 2 Light Tent 有货吗", "zh"),
        ("是我，li.wei@mail.example", "zh"),
        ("我的邮箱是li.wei@mail.example，想退货", "zh"),
        ("注文はどこですか", "ja"),
        ("주문 어디 있어요", "ko"),
        ("где мой заказ", "ru"),
        ("де моє замовлення їде", "uk"),
        ("waar is mijn bestelling", "nl"),
        ("wo ist meine Bestellung?", "de"),
        ("où est ma commande", "fr"),
        ("¿dónde está mi pedido?", "es"),
        ("quanto costa la spedizione", "it"),
        ("gdzie jest moje zamówienie", "pl"),
    ],
)
def test_that_a_language_is_told(text: str, language: str) -> None:
    assert detect_language(text, previous="en") == language
    assert detect_language(text, previous="zh") == language


@pytest.mark.parametrize("text", ["ok", "LF-204518", "😀", "", "42", "a.berg@example.org", "https://is.de/wo-ist-das"])
@pytest.mark.parametrize("previous", ["en", "de", "nl", "fr"])
def test_that_what_says_nothing_keeps_the_conversations_language(text: str, previous: str) -> None:
    assert detect_language(text, previous) == previous


def test_that_one_foreign_word_does_not_change_the_language() -> None:
    assert detect_language("what does 你好 mean in your shop", "en") == "en"
    assert detect_language("do you ship to die Schweiz", "en") == "en"
