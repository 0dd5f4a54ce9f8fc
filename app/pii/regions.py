"""The countries that the rules know."""

import phonenumbers

from app.pii.rules.national_ids import COUNTRIES as ID_COUNTRIES

COUNTRIES = tuple(sorted({*phonenumbers.SUPPORTED_REGIONS, *ID_COUNTRIES}))
