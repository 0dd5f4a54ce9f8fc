"""National identifiers of Europe. Sources of the forms: python-stdnum, and the offices that issue them."""

import re

from stdnum import luhn
from stdnum.at import vnr
from stdnum.be import bis, nn
from stdnum.bg import egn
from stdnum.ch import ssn as ahv
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.it import codicefiscale
from stdnum.lt import asmens
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import cc, nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.si import emso

from app.pii.rules.identifier import Evidence, identifier

_SEP = r"[ .\-/\n]?"
_CENTURY_SIGN = r"[-+ABCDEFYXWVU]"
# ICAO 9303, part 3: letters count from 10, weights repeat
_ICAO_WEIGHTS = (7, 3, 1)
# Deutsche Rentenversicherung: weights of the digits, of which the letter makes two
_PENSION_WEIGHTS = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)


def _is_identity_card(compact: str) -> bool:
    """Return whether the last digit of a German identity card's number is its check digit."""
    values = [int(character, 36) for character in compact[:9]]
    return sum(value * _ICAO_WEIGHTS[index % 3] for index, value in enumerate(values)) % 10 == int(compact[9])


def _is_pension_number(compact: str) -> bool:
    """Return whether the last digit of a German pension insurance number is its check digit."""
    digits = f"{compact[:8]}{ord(compact[8].upper()) - 64:02}{compact[9:11]}"
    products = [int(digit) * weight for digit, weight in zip(digits, _PENSION_WEIGHTS, strict=True)]
    return sum(product // 10 + product % 10 for product in products) % 10 == int(compact[11])


def _is_belgian(compact: str) -> bool:
    return bool(nn.is_valid(compact) or bis.is_valid(compact))


def _is_swedish(compact: str) -> bool:
    """Return whether the date exists and the check digit is right."""
    digits = re.sub(r"\D", "", compact)[-10:]
    return bool(luhn.is_valid(digits) and personnummer.is_valid(f"{digits[:6]}-{digits[6:]}"))


_FORM, _GROUPS, _LABEL = Evidence.FORM, Evidence.GROUPS, Evidence.LABEL

EUROPE = (
    identifier(
        "GB",
        "nino",
        r"[A-CEGHJ-PQR-TW-Z][A-CEGHJ-NPQR-TW-Z][ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-D]",
        _FORM,
        r"national insurance(?: number| no)?|ni(?:no)?(?: number| no)?",
    ),
    identifier("GB", "nhs", rf"\d{{3}}{_SEP}\d{{3}}{_SEP}\d{{4}}", _LABEL, r"nhs(?: number| no)?", nhs.is_valid),
    identifier(
        "DE",
        "steuer_id",
        r"[1-9]\d[ ./]?\d{3}[ ./]?\d{3}[ ./]?\d{3}",
        _FORM,
        r"steuer\w*|steuer-?id\w*|idnr|tax id\w*|tin|steuerliche \w+",
        idnr.is_valid,
    ),
    identifier(
        "DE",
        "personalausweis",
        r"[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}[ -]?\d",
        _FORM,
        r"personalausweis\w*|ausweis\w*|identity card|id card",
        _is_identity_card,
    ),
    identifier(
        "DE",
        "rentenversicherung",
        r"\d{2}[ .]?(?:[0-2]\d|3[01]|[4-9]\d)(?:0[1-9]|1[0-2])\d{2}[ .]?[A-Z][ .]?\d{3}",
        _FORM,
        r"sozialversicherung\w*|rentenversicherung\w*|sv-?nummer|svnr|versicherungsnummer",
        _is_pension_number,
    ),
    identifier(
        "FR",
        "nir",
        rf"[12]{_SEP}\d{{2}}{_SEP}(?:0[1-9]|1[0-2]|[2-9]\d){_SEP}(?:\d{{2}}|2[AB]){_SEP}\d{{3}}{_SEP}\d{{3}}{_SEP}\d{{2}}",
        _FORM,
        r"nir|sécurité sociale|sécu|insee|numéro de sécu\w*|social security",
        nir.is_valid,
    ),
    identifier(
        "ES", "dni", r"(?:\d{8}|\d{2}\.\d{3}\.\d{3})[ -]?[A-Z]", _FORM, r"dni|nif|documento|identidad", dni.is_valid
    ),
    identifier("ES", "nie", r"[XYZ][ -]?\d{7}[ -]?[A-Z]", _FORM, r"nie|extranjer[oa]", nie.is_valid),
    identifier(
        "IT",
        "codice_fiscale",
        r"[A-Z]{3} ?[A-Z]{3} ?[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2} ?[A-Z][0-9LMNP-V]{3}[A-Z]",
        _FORM,
        r"codice fiscale|cod\.? fisc\.?|c\.?f\.?",
        codicefiscale.is_valid,
    ),
    identifier(
        "NL",
        "bsn",
        r"\d{9}|\d{4}\.\d{2}\.\d{3}|\d{3}[ .-]\d{3}[ .-]\d{3}",
        _LABEL,
        r"bsn|burgerservice\w*|sofi\w*|citizen service number",
        bsn.is_valid,
    ),
    identifier("PL", "pesel", r"\d{6}[ -]?\d{5}", _FORM, r"pesel\w*", pesel.is_valid),
    identifier(
        "SE",
        "personnummer",
        r"(?:19|20)?\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]|[6-8]\d|9[01])[-+ ]\d{4}"
        r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]|[6-8]\d|9[01])\d{4}",
        _FORM,
        r"person\w*nummer|samordningsnummer|pnr|personal identity number",
        _is_swedish,
    ),
    identifier(
        "SE", "personnummer", r"\d{10}", _LABEL, r"person\w*nummer|samordningsnummer|pnr|födelsenummer", _is_swedish
    ),
    identifier("FI", "hetu", rf"\d{{6}}{_CENTURY_SIGN}\d{{3}}[0-9A-Z]", _FORM, r"hetu|henkilötunnus", hetu.is_valid),
    identifier(
        "NO",
        "fodselsnummer",
        r"\d{6}[ -]?\d{5}",
        _FORM,
        r"fødsels\w*|fodsels\w*|personnummer|d-nummer",
        fodselsnummer.is_valid,
    ),
    identifier("DK", "cpr", r"\d{6}[- ]\d{4}", _GROUPS, r"cpr(?:-?(?:nummer|nr))?\.?|personnummer", cpr.is_valid),
    identifier("DK", "cpr", r"\d{10}", _LABEL, r"cpr(?:-?(?:nummer|nr))?\.?", cpr.is_valid),
    identifier(
        "BE",
        "nn",
        r"\d{2}[ .]?\d{2}[ .]?\d{2}[ .-]?\d{3}[ .-]?\d{2}",
        _FORM,
        r"rijksregister\w*|registre national|numéro national|niss|insz|national register",
        _is_belgian,
    ),
    identifier("CH", "ahv", r"756[ .-]?\d{4}[ .-]?\d{4}[ .-]?\d{2}", _FORM, r"ahv\w*|avs|n?avs13", ahv.is_valid),
    identifier(
        "AT",
        "vnr",
        r"\d{4}[ -]\d{6}",
        _GROUPS,
        r"sozialversicherung\w*|sv-?n(?:r|ummer)|svnr|versicherungsnummer",
        vnr.is_valid,
    ),
    identifier("AT", "vnr", r"\d{10}", _LABEL, r"sozialversicherung\w*|sv-?n(?:r|ummer)|svnr", vnr.is_valid),
    identifier("IE", "pps", r"\d{7}[ -]?[A-W][A-IW]?", _FORM, r"pps(?:n|\s?n\w+)?", pps.is_valid),
    identifier("PT", "nif", r"\d{3}[ .]?\d{3}[ .]?\d{3}", _LABEL, r"nif|contribuinte|número fiscal", nif.is_valid),
    identifier("PT", "cc", r"\d{8}[ -]?\d[ -]?[0-9A-Z]{2}\d", _LABEL, r"cartão de cidadão|cc", cc.is_valid),
    identifier("GR", "amka", r"\d{6}[ -]?\d{5}", _LABEL, r"amka|αμκα", amka.is_valid),
    identifier("CZ", "rodne_cislo", r"\d{6}/\d{3,4}", _FORM, r"rodn[éá]\s?číslo|r\.?\s?č\.?|rč", rc.is_valid),
    identifier("RO", "cnp", r"[1-9]\d{12}", _FORM, r"cnp|cod numeric personal", cnp.is_valid),
    identifier("BG", "egn", r"\d{10}", _LABEL, r"egn|егн", egn.is_valid),
    identifier("HR", "oib", r"\d{11}", _LABEL, r"oib", oib.is_valid),
    identifier("EE", "isikukood", r"[1-8]\d{10}", _FORM, r"isikukood|personal code", ik.is_valid),
    identifier("LT", "asmens_kodas", r"[1-6]\d{10}", _FORM, r"asmens kodas|personal code", asmens.is_valid),
    identifier("SI", "emso", r"\d{13}", _FORM, r"emšo|emso", emso.is_valid),
)
