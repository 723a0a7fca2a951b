"""Test stories: what is read of Rasa's format, and how a turn is held against it."""

from pathlib import Path

import pytest

from bot.errors import KnowledgeError
from bot.evaluation.stories import differences, read_stories
from bot.records import Entity, Event, Floor, State, Trace, Turn

STORIES = """
stories:
  - story: Greeting
    steps:
      - user: |
          hello from [Ghent](city)
        intent: greet
      - action: utter_greet
      - slot_was_set:
          - city: Ghent
          - requested_slot: name
      - active_loop: name_form
      - bot: welcome
"""


def written(tmp_path: Path, text: str, name: str = "test_stories.yml") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def turn(**changes: object) -> Turn:
    """The turn that the story tells."""
    trail = (
        Event("user", "older"),
        Event("action", "utter_older"),
        Event("action", "action_listen"),
        Event("user", "greet"),
        Event("slot", "city", "Ghent"),
        Event("action", "utter_greet"),
        Event("action", "action_listen"),
    )
    state = State(slots={"city": "Ghent"}, form="name_form", requested="name", trail=trail)
    return Turn((), state, Trace(entities=(Entity("city", "Ghent", 11, 16, "lookup"),)), **changes)  # type: ignore[arg-type]


def test_that_a_story_is_read_with_its_marked_entities(tmp_path: Path) -> None:
    [story] = read_stories(written(tmp_path, STORIES))
    [exchange] = story.exchanges
    assert (exchange.text, exchange.intent, exchange.entities) == ("hello from Ghent", "greet", (("city", "Ghent"),))
    assert exchange.actions == ["utter_greet"]
    assert exchange.slots == [("city", "Ghent"), ("requested_slot", "name")]
    assert str(exchange.place).endswith("test_stories.yml:5")


def test_that_a_turn_as_told_has_no_differences(tmp_path: Path) -> None:
    [story] = read_stories(written(tmp_path, STORIES))
    assert differences(story.exchanges[0], turn(), "Be welcome.") == []


@pytest.mark.parametrize(
    ("told", "instead", "names"),
    [
        ("intent: greet", "intent: goodbye", "intent: goodbye is told, greet was understood"),
        ("utter_greet", "utter_bye", "actions: utter_bye are told, utter_greet were done"),
        ("city: Ghent", "city: Bruges", "slot: city is told to be 'Bruges', it is 'Ghent'"),
        ("requested_slot: name", "requested_slot: null", "slot: requested_slot is told to be None, it is 'name'"),
        ("active_loop: name_form", "active_loop: null", "loop: None is told, name_form is open"),
        ("bot: welcome", "bot: farewell", "words: 'farewell' is not in the reply"),
        ("[Ghent](city)", "[Ghent](town)", "entity: town 'Ghent' was not found"),
    ],
)
def test_that_each_difference_is_named(tmp_path: Path, told: str, instead: str, names: str) -> None:
    [story] = read_stories(written(tmp_path, STORIES.replace(told, instead)))
    assert differences(story.exchanges[0], turn(), "Be welcome.") == [names]


def test_that_a_call_for_a_person_is_an_action(tmp_path: Path) -> None:
    [story] = read_stories(written(tmp_path, STORIES + "      - action: action_handoff\n"))
    assert differences(story.exchanges[0], turn(floor=Floor.WAITING), "Be welcome.") == []


def test_that_a_step_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"test_stories.yml:5: a step of a test story is"):
        read_stories(written(tmp_path, "stories:\n - story: x\n   steps:\n    - user: hi\n    - checkpoint: c\n"))


def test_that_only_test_files_of_a_folder_are_read(tmp_path: Path) -> None:
    written(tmp_path, STORIES)
    written(tmp_path, "stories: 3", "stories.yml")
    assert len(read_stories(tmp_path)) == 1
    with pytest.raises(KnowledgeError, match="no test stories"):
        read_stories(written(tmp_path, "stories: []", "test_none.yml"))
