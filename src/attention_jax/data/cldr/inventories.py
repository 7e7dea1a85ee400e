"""What the phrases speak of, by CLDR's and ISO's codes: the words come from CLDR.

Few enough that a model sees every name often; well known, so that a reader can judge the output.
"""


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TERRITORIES = _codes(
    """
AR AT AU BE BG BO BR CA CH CL CN CO CU CZ DE DK DZ EC EE EG ES FI FR GB GR HR HU ID IE IL IN IQ
IR IS IT JP KE KR LB LT LV MA MG MX MY NG NL NO NZ PE PH PK PL PT RO RS RU SA SE SG SI SK SN TH
TN TR UA UG US UY VE VN ZA 150 002 019 142 009
"""
)

LANGUAGES = _codes(
    """
ar bg bn ca cs da de el en es et eu fa fi fr ga he hi hr hu id is it ja ko la lt lv mt nl no pl
pt ro ru sk sl sr sv sw ta th tr uk ur vi zh
"""
)

SCRIPTS = _codes(
    """
Arab Armn Beng Cyrl Deva Ethi Geor Grek Hebr Jpan Kore Latn Taml Thai Tibt
"""
)

CURRENCIES = _codes(
    """
AUD BRL CAD CHF CLP CNY CZK DKK EGP EUR GBP HUF IDR ILS INR JPY KRW MXN NOK NZD PLN RON RUB SEK
THB TRY UAH USD VND ZAR
"""
)

SYMBOLS = _codes(
    """
USD EUR GBP JPY INR CAD BRL KRW
"""
)
"""Currencies that are also written with their sign."""

CITIES = _codes(
    """
Africa/Algiers Africa/Cairo Africa/Casablanca Africa/Dakar Africa/Johannesburg Africa/Lagos
Africa/Nairobi Africa/Tunis America/Bogota America/Caracas America/Chicago America/Denver
America/Halifax America/Havana America/Lima America/Los_Angeles America/Mexico_City
America/New_York America/Phoenix America/Santiago America/Toronto America/Vancouver Asia/Baghdad
Asia/Bangkok Asia/Beirut Asia/Damascus Asia/Dhaka Asia/Dubai Asia/Hong_Kong Asia/Jakarta
Asia/Jerusalem Asia/Kolkata Asia/Manila Asia/Seoul Asia/Shanghai Asia/Singapore Asia/Tehran
Asia/Tokyo Australia/Melbourne Australia/Sydney Europe/Amsterdam Europe/Athens Europe/Belgrade
Europe/Berlin Europe/Brussels Europe/Bucharest Europe/Budapest Europe/Copenhagen Europe/Dublin
Europe/Helsinki Europe/Istanbul Europe/Kiev Europe/Lisbon Europe/London Europe/Madrid
Europe/Moscow Europe/Oslo Europe/Paris Europe/Prague Europe/Rome Europe/Sofia Europe/Stockholm
Europe/Vienna Europe/Warsaw Europe/Zurich
"""
)
"""Time zones; a zone is named after its exemplar city."""

UNITS = _codes(
    """
angle-degree area-acre area-hectare area-square-kilometer area-square-meter area-square-mile
digital-byte digital-gigabyte digital-kilobyte digital-megabyte digital-terabyte electric-ampere
electric-volt energy-joule energy-kilocalorie energy-kilowatt-hour frequency-hertz
frequency-megahertz graphics-pixel length-centimeter length-foot length-inch length-kilometer
length-light-year length-meter length-mile length-millimeter length-nautical-mile length-yard
mass-gram mass-kilogram mass-ounce mass-pound mass-tonne power-horsepower power-kilowatt
power-watt pressure-bar pressure-pascal speed-kilometer-per-hour speed-knot
speed-meter-per-second speed-mile-per-hour temperature-celsius temperature-fahrenheit
volume-barrel volume-centiliter volume-cubic-meter volume-gallon volume-liter volume-milliliter
volume-tablespoon volume-teaspoon
"""
)

_TIMES = _codes("duration-second duration-minute duration-hour duration-day")
RATES = [
    (_codes("length-kilometer length-meter length-centimeter length-mile"), _TIMES),
    (_codes("volume-liter volume-milliliter volume-cubic-meter mass-kilogram mass-tonne"), _TIMES),
    (_codes("digital-megabyte digital-gigabyte"), _TIMES),
    (_codes("mass-gram mass-milligram"), _codes("volume-liter mass-kilogram volume-cubic-meter")),
]
"""Numerators and the denominators that go with them."""

DURATIONS = {
    "second": (59, 1),
    "minute": (59, 60),
    "hour": (23, 3600),
    "day": (6, 86400),
    "week": (3, 7 * 86400),
    "month": (11, 30 * 86400),
    "year": (90, 365 * 86400),
}
"""Unit -> (the largest number of it that is not yet the next unit, seconds)."""

MEASURES = [
    ("duration-hour", 23, "duration-minute", 59),
    ("duration-minute", 59, "duration-second", 59),
    ("duration-day", 6, "duration-hour", 23),
    ("duration-year", 90, "duration-month", 11),
    ("length-foot", 20, "length-inch", 11),
    ("mass-pound", 60, "mass-ounce", 15),
    ("length-meter", 90, "length-centimeter", 99),
    ("mass-kilogram", 90, "mass-gram", 99),
]
"""Larger unit, its largest number, smaller unit, its largest number: "5 feet, 11 inches"."""

YEARS = range(1950, 2050)
"""A century, so that a year of two digits is not ambiguous."""
