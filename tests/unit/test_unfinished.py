"""What `unfinished` promises: it waits for announcements and broken-off thoughts, and for nothing else."""

import pytest

from bot.understanding.unfinished import unfinished


@pytest.mark.parametrize(
    "text",
    [
        "I have a question", "hi, quick question", "hello, I have a problem", "Hi, about my order", "about my order",
        "so I bought a tent", "yesterday i bought boots", "I want to return this and", "also the", "i need help with",
        "my order...", "my order…", "Two things:", "I ordered a tent,", "can i ask you something", "but",
        "我想问一下", "你好，请问", "我有个问题", "关于我的订单", "我昨天买了一个帐篷", "因为",
        "在吗，想问个问题", "还有",
    ],
)  # fmt: skip
def test_that_an_unfinished_thought_is_waited_for(text: str) -> None:
    assert unfinished([text])
    assert unfinished(["Hello", text])


@pytest.mark.parametrize(
    "text",
    [
        "Hello", "hi", "thanks", "ok", "yes", "no", "help", "bye", "你好", "谢谢", "好的", "是的", "不用了", "在吗",
        "where is my order?", "where is my order", "I want to cancel my order", "cancel it", "return policy",
        "LF-204518", "#204518", "XL", "42", "size M", "a@b.com", "my mail is a@b.com", "...", "?", "👍", "", "red",
        "can I log in", "who is there to chat with", "which countries do you deliver to", "ok i'm in",
        "so I bought a tent but it is broken", "I have a problem with my order LF-204518, it never arrived",
        "I want to talk to a human", "我要退货", "多少钱", "订单LF-204518到哪了", "人工", "怎么退款",
    ],
)  # fmt: skip
def test_that_a_finished_thought_is_answered_at_once(text: str) -> None:
    assert not unfinished([text])


def test_that_only_the_end_of_a_burst_counts() -> None:
    assert not unfinished(["I have a question", "do you ship to Norway?"])
    assert not unfinished([])
