"""What the dialogues are about: four shapes that TME was shown on, and four of ours. No wording is here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Something a user may want, the values it may have, and what it rests on."""

    title: str
    values: tuple[str, ...]
    rests_on: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shape:
    name: str
    slots: tuple[Slot, ...]


def _slot(title: str, values: str, *rests_on: str) -> Slot:
    return Slot(title=title, values=tuple(values.split("|")), rests_on=rests_on)


SHAPES = (
    Shape(
        name="trip",
        slots=(
            _slot("Destination", "Lisbon|Kyoto|Tallinn|Porto|Malmö|Ghent|Bilbao"),
            _slot("Departure date", "3 May|11 June|2 July|19 August|7 March|28 October"),
            _slot("Return date", "12 May|25 June|16 July|30 August|21 March|9 November"),
            _slot("Hotel", "Forum|Astoria|Seaview|Old Mill|Continental|Park Inn", "Destination"),
            _slot(
                "Outbound flight", "TK1821|LH442|BA97|AF1188|SK620|IB3166", "Destination", "Departure date"
            ),
            _slot("Museum visit", "Tile Museum|Maritime Museum|Glass Hall|Print Cabinet", "Destination"),
            _slot("Budget", "900|1200|1500|2100|750"),
            _slot("Total cost", "840|1130|1460|1990", "Hotel", "Outbound flight"),
        ),
    ),
    Shape(
        name="cooking",
        slots=(
            _slot("Main dish", "risotto|moussaka|ratatouille|shepherd's pie|paella|lasagne"),
            _slot("Number of guests", "4|6|8|10|12"),
            _slot("Side dish", "green beans|roast potatoes|flatbread|slaw|couscous", "Main dish"),
            _slot("Wine", "Riesling|Rioja|Chianti|Grüner|Malbec", "Main dish"),
            _slot("Dessert", "panna cotta|plum crumble|sorbet|baklava|lemon tart"),
            _slot("Oven temperature", "180 degrees|200 degrees|220 degrees|160 degrees", "Main dish"),
            _slot("Shopping list", "list one|list two|list three|list four", "Main dish", "Number of guests"),
            _slot("Cooking time", "45 minutes|70 minutes|two hours|90 minutes", "Main dish"),
        ),
    ),
    Shape(
        name="meeting",
        slots=(
            _slot("Topic", "hiring plan|office move|security review|annual budget|price list"),
            _slot("Meeting date", "Monday|Tuesday|Wednesday|Thursday|Friday"),
            _slot("Start time", "9:00|10:30|13:15|15:00|16:45"),
            _slot("Room", "Birch|Cedar|Elm|Maple|Rowan", "Meeting date"),
            _slot("Chairperson", "Amina|Bertil|Chiara|Dmitri|Esperanza"),
            _slot("Agenda", "three points|five points|seven points|two points", "Topic"),
            _slot("Invitations", "by mail|by letter|by phone|in person", "Meeting date", "Room"),
            _slot("Minutes taker", "Farid|Greta|Hamza|Ingrid|Jonas"),
        ),
    ),
    Shape(
        name="cart",
        slots=(
            _slot("Rain jacket", "size S|size M|size L|size XL"),
            _slot("Hiking boots", "size 39|size 41|size 43|size 45"),
            _slot("Tent", "two-person|three-person|four-person|dome"),
            _slot("Shipping address", "Elm Row 4|Mill Lane 9|Dock Street 22|High Road 1"),
            _slot("Billing address", "Queen Street 7|Bridge End 3|Orchard Way 15|Station Road 60"),
            _slot("Delivery option", "standard|express|pick-up|night courier", "Shipping address"),
            _slot("Payment method", "invoice|credit card|direct debit|gift card"),
            _slot("Order total", "310|285|402|377", "Rain jacket", "Hiking boots", "Tent"),
        ),
    ),
    Shape(
        name="house move",
        slots=(
            _slot("Moving date", "1 April|15 April|30 April|6 May|20 May"),
            _slot("New address", "Harbour Walk 8|Tower Street 31|Garden Close 2|Canal Side 77"),
            _slot("Van", "small van|long van|lorry|two vans", "Moving date"),
            _slot("Helpers", "two friends|four friends|a firm|the cousins", "Moving date"),
            _slot("Internet contract", "Fibre 100|Fibre 500|Cable 250|DSL 50", "New address"),
            _slot("Parking permit", "permit A|permit B|permit C|permit D", "New address", "Moving date"),
            _slot("Insurance", "basic|full|none at all|premium"),
            _slot("Keys", "at noon|at eight|the day before|from the porter", "Moving date"),
        ),
    ),
    Shape(
        name="release",
        slots=(
            _slot("Version number", "2.4.0|2.5.0|3.0.0|2.4.1|3.1.0"),
            _slot("Release date", "4 September|18 September|2 October|23 October"),
            _slot("Code freeze", "28 August|11 September|25 September|16 October", "Release date"),
            _slot("Release manager", "Kofi|Lena|Mateo|Noor|Olga"),
            _slot("Changelog", "draft|short form|long form|reviewed", "Version number"),
            _slot(
                "Announcement",
                "blog post|newsletter|press note|forum thread",
                "Version number",
                "Release date",
            ),
            _slot("Migration guide", "one page|full guide|video|checklist", "Version number"),
            _slot("Test plan", "smoke only|full matrix|nightly twice|manual", "Code freeze"),
        ),
    ),
    Shape(
        name="garden",
        slots=(
            _slot("Bed size", "3 by 1 metres|4 by 2 metres|2 by 2 metres|5 by 1 metres"),
            _slot("Main crop", "tomatoes|pole beans|courgettes|kale|beetroot"),
            _slot("Companion plant", "basil|marigold|borage|dill|nasturtium", "Main crop"),
            _slot("Sowing week", "week 12|week 14|week 16|week 18", "Main crop"),
            _slot("Harvest week", "week 28|week 30|week 33|week 36", "Sowing week"),
            _slot("Fertiliser", "compost|horn meal|nettle brew|manure", "Main crop", "Bed size"),
            _slot("Watering", "daily|every other day|twice a week|drip hose", "Main crop"),
            _slot("Fence", "wire|willow|boards|hedge"),
        ),
    ),
    Shape(
        name="study",
        slots=(
            _slot(
                "Research question", "sleep and shift work|noise at school|screens at night|walking to work"
            ),
            _slot("Sample size", "120|240|400|650|900"),
            _slot("Survey tool", "paper|web form|phone|tablet"),
            _slot("Questionnaire", "short scale|long scale|diary|mixed scale", "Research question"),
            _slot(
                "Ethics approval", "board A|board B|board C|fast track", "Research question", "Sample size"
            ),
            _slot("Start month", "January|April|June|September"),
            _slot("End month", "March|July|October|December", "Start month"),
            _slot("Cost estimate", "8400|12600|19900|27300", "Sample size", "Survey tool"),
        ),
    ),
)
