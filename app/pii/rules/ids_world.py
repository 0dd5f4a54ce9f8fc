"""National identifiers of other continents. Sources of the forms: python-stdnum, and the offices that issue them."""

from datetime import datetime

from stdnum import luhn
from stdnum.ar import cuit
from stdnum.br import cnpj, cpf
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.il import idnr as teudat_zehut
from stdnum.in_ import aadhaar, pan
from stdnum.jp import in_ as my_number
from stdnum.mx import curp
from stdnum.my import nric
from stdnum.nz import ird
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.us import itin
from stdnum.za import idnr

from app.pii.rules.identifier import Evidence, has_check_digit, identifier

_MEDICARE_WEIGHTS = (1, 3, 7, 9, 1, 3, 7, 9)
_TFN_WEIGHTS = (1, 4, 3, 7, 5, 8, 6, 9, 10)
_SINGAPORE_WEIGHTS = (2, 7, 6, 5, 4, 3, 2)
_SINGAPORE_LETTERS = {
    "S": (0, "JZIHGFEDCBA"),
    "T": (4, "JZIHGFEDCBA"),
    "F": (0, "XWUTRQPNMLK"),
    "G": (4, "XWUTRQPNMLK"),
}


def _is_medicare(compact: str) -> bool:
    """Return whether the ninth digit of an Australian Medicare number is its check digit."""
    expected = int(compact[8])
    return compact[0] in "23456" and has_check_digit(compact[:8], _MEDICARE_WEIGHTS, 10, expected)


def _is_tfn(compact: str) -> bool:
    return has_check_digit(compact, _TFN_WEIGHTS, 11, 0)


def _is_nric(compact: str) -> bool:
    """Return whether the last letter of a number of Singapore is its check letter."""
    offset, letters = _SINGAPORE_LETTERS[compact[0].upper()]
    total = offset + sum(int(digit) * weight for digit, weight in zip(compact[1:8], _SINGAPORE_WEIGHTS, strict=True))
    return letters[total % 11] == compact[8].upper()


def _is_resident_id(compact: str) -> bool:
    return bool(ric.is_valid(compact.upper()))


def _is_south_african(compact: str) -> bool:
    """Return whether the check digit is right and the date exists; the eleventh digit is the citizenship."""
    try:
        datetime.strptime(compact[:6], "%y%m%d")
    except ValueError:
        return False
    return bool(luhn.is_valid(compact) and idnr.is_valid(compact))


_FORM, _GROUPS, _LABEL = Evidence.FORM, Evidence.GROUPS, Evidence.LABEL
_SSN = r"social security(?: number| no)?|ssn|social|soc sec"
_AADHAAR = r"aadha+r\w*|uid(?:ai)?"

WORLD = (
    # areas 000, 666 and 900 to 999, group 00 and serial 0000 are never issued
    identifier(
        "US", "ssn", r"(?!000|666|9)\d{3}(?:-(?!00)\d\d-| (?!00)\d\d |\.(?!00)\d\d\.)(?!0000)\d{4}", _FORM, _SSN
    ),
    identifier("US", "ssn", r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}", _LABEL, _SSN),
    identifier("US", "itin", r"9\d{2}(?:-\d\d-| \d\d )\d{4}", _FORM, r"itin|taxpayer\w*|tax id\w*", itin.is_valid),
    identifier("CA", "sin", r"\d{3}-\d{3}-\d{3}", _FORM, r"sin|social insurance(?: number)?|nas", luhn.is_valid),
    identifier(
        "CA",
        "sin",
        r"\d{3} ?\d{3} ?\d{3}",
        _LABEL,
        r"sin|social insurance(?: number)?|nas|assurance sociale",
        luhn.is_valid,
    ),
    identifier("BR", "cpf", r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}|\d{3} \d{3} \d{3} \d{2}", _FORM, r"cpf", cpf.is_valid),
    identifier("BR", "cnpj", r"\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}", _FORM, r"cnpj", cnpj.is_valid),
    identifier("MX", "curp", r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", _FORM, r"curp", curp.is_valid),
    identifier("AR", "cuit", r"\d{2}-\d{8}-\d", _FORM, r"cui[tl]", cuit.is_valid),
    identifier("AR", "dni", r"\d{1,2}\.?\d{3}\.?\d{3}", _LABEL, r"dni"),
    identifier("CL", "rut", r"\d{1,2}\.\d{3}\.\d{3}-[0-9K]|\d{7,8}-[0-9K]", _FORM, r"ru[tn]", rut.is_valid),
    identifier(
        "IN", "aadhaar", r"[2-9]\d{3}(?:-\d{4}-| \d{4} )\d{4}", _FORM, _AADHAAR, aadhaar.is_valid, "आधार|ஆதார்|ఆధార్"
    ),
    identifier("IN", "aadhaar", r"[2-9]\d{11}", _LABEL, _AADHAAR, aadhaar.is_valid, "आधार|ஆதார்|ఆధార్"),
    identifier(
        "IN", "pan", r"[A-Z]{3}[ABCFGHJLPTK][A-Z]\d{4}[A-Z]", _FORM, r"pan(?: card| number| no)?", pan.is_valid, "पैन"
    ),
    identifier(
        "CN",
        "resident_id",
        r"\d{6}[ -]?(?:19|20)\d{6}[ -]?\d{3}[0-9X]",
        _FORM,
        r"id|resident",
        _is_resident_id,
        "身份证|身份證",
    ),
    identifier(
        "JP",
        "my_number",
        r"\d{4}[ -]?\d{4}[ -]?\d{4}",
        _LABEL,
        r"my number|individual number",
        my_number.is_valid,
        "マイナンバー|個人番号",
    ),
    identifier(
        "KR",
        "rrn",
        # since 2020 its last digits are random
        r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}",
        _FORM,
        r"rrn|resident registration\w*",
        plain="주민등록번호|주민번호",
    ),
    identifier("AU", "tfn", r"\d{3}[ -]?\d{3}[ -]?\d{3}", _LABEL, r"tfn|tax file(?: number| no)?", _is_tfn),
    identifier("AU", "medicare", r"[2-6]\d{3}[ -]\d{5}[ -]\d(?:[ /-]\d)?", _GROUPS, r"medicare\w*", _is_medicare),
    identifier("AU", "medicare", r"[2-6]\d{9,10}", _LABEL, r"medicare\w*", _is_medicare),
    identifier("NZ", "ird", r"\d{2,3}-?\d{3}-?\d{3}", _LABEL, r"ird(?: number)?", ird.is_valid),
    identifier(
        "ZA",
        "id",
        r"\d{6}[ ]?\d{4}[ ]?[01][89]\d|\d{6} ?\d{4} ?\d{3}",
        _FORM,
        r"id|identity|south african",
        _is_south_african,
    ),
    identifier("SG", "nric", r"[STFG]\d{7}[A-Z]", _FORM, r"nric|fin", _is_nric),
    identifier("MY", "nric", r"\d{6}-\d{2}-\d{4}", _FORM, r"nric|mykad|ic", nric.is_valid),
    identifier("TH", "pin", r"\d-\d{4}-\d{5}-\d{2}-\d", _FORM, r"pin|national id", pin.is_valid, "เลขประจำตัวประชาชน"),
    identifier("TH", "pin", r"\d{13}", _LABEL, r"thai national id|national id", pin.is_valid, "เลขประจำตัวประชาชน"),
    identifier("TR", "tc_kimlik", r"[1-9]\d{10}", _FORM, r"t\.?c\.?(?: kimlik\w*)?|kimlik\w*", tckimlik.is_valid),
    identifier(
        "IL", "id", r"\d{9}|\d{8}-\d", _LABEL, r"teudat zehut|israeli id", teudat_zehut.is_valid, "תעודת זהות|ת\\.ז"
    ),
)
