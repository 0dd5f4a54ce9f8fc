"""What the rules take for personal data, and what they leave."""

import base64
import random
import time

import pytest
from support.redaction import samples

from app.pii.detector import PART_CHARS, find_personal_data
from app.pii.kinds import RULE_KINDS
from app.pii.rules.national_ids import IDENTIFIERS
from scripts.redaction_quality import PAGE, page_with, read_samples, table


def found(text, kinds=RULE_KINDS, countries=()):
    return [(one.kind, text[one.start : one.end]) for one in find_personal_data(text, kinds, countries)]


def test_every_planted_identifier_of_the_data_is_found_with_its_kind_and_span():
    missed = []
    for sample in samples():
        findings = {(one.kind, one.start, one.end) for one in find_personal_data(sample.text, RULE_KINDS)}
        missed += [sample.text for entity in sample.entities if entity not in findings]
    assert missed == []


def test_look_alikes_of_the_data_are_left():
    clean = [sample.text for sample in samples() if not sample.entities]
    assert len(clean) >= 100
    assert [text for text in clean if find_personal_data(text, RULE_KINDS)] == []


def test_the_page_shows_the_figures_of_the_data():
    assert PAGE.read_text() == page_with(table(read_samples()))


# written as a second set: other countries and other words around the numbers
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Mon AVS: 756.1234.5678.97, appelle le 079 123 45 67", ["756.1234.5678.97", "079 123 45 67"]),
        ("My SIN is 130 692 544, phone (416) 555-0199", ["130 692 544", "(416) 555-0199"]),
        ("手机13912345678，身份证号码11010519491231002X。", ["13912345678", "11010519491231002X"]),
        ("電話番号は090-1234-5678、メールはtaro@example.jpです。", ["090-1234-5678", "taro@example.jp"]),
        ("マイナンバー123456789018", ["123456789018"]),
        ("Mi CURP es BOXW310820HNERXN09 y mi cel. 55 1234 5678", ["BOXW310820HNERXN09", "55 1234 5678"]),
        ("Henkilötunnukseni on 131052-308T, puh. 040 1234567", ["131052-308T", "040 1234567"]),
        ("Mitt fødselsnummer er 15108695088, tlf. 22 12 34 56", ["15108695088", "22 12 34 56"]),
        ("CPR: 211062-5629, ring på 20 12 34 56", ["211062-5629", "20 12 34 56"]),
        ("Rijksregisternummer 85.07.30-033.28, gsm 0470 12 34 56", ["85.07.30-033.28", "0470 12 34 56"]),
        ("My ID number is 8001015009087 and my cell is 082 123 4567", ["8001015009087", "082 123 4567"]),
        ("NIF 123456789, telemóvel 912 345 678", ["123456789", "912 345 678"]),
        ("주민등록번호 850101-1234561, 전화 010-1234-5678", ["850101-1234561", "010-1234-5678"]),
        ("Reach me: +1-202-555-0143 / +44(0)20 7946 0123", ["+1-202-555-0143", "+44(0)20 7946 0123"]),
        ("GB29NWBK60161331926819 or FR14 2004 1010 0505 0001 3M02 606", None),
        ("Visa 4012-8888-8888-1881; amex 3714 496353 98431", ["4012-8888-8888-1881", "3714 496353 98431"]),
        ("My NHS no. is 943 476 5919", ["943 476 5919"]),
        ("86 095 742 719 is my Steuer-ID", ["86 095 742 719"]),
        ("111222333 is my BSN", ["111222333"]),
        ("Personalausweisnr. L01X00T471", ["L01X00T471"]),
        ("Versicherungsnummer 15 070649 C 103", ["15 070649 C 103"]),
        ("my Aadhaar 499118665246, PAN: AAAPL1234C", ["499118665246", "AAAPL1234C"]),
        ("TFN: 876 543 210, mob 0412 345 678", ["876 543 210", "0412 345 678"]),
        ("Medicare 2123 45670 1", ["2123 45670 1"]),
        ("Singapore S1234567D", ["S1234567D"]),
        ("RUT 12.345.678-5", ["12.345.678-5"]),
        ("DNI 12.345.678 (Argentina)", ["12.345.678"]),
        ("ssn 536-90-4399 dob 01/02/1980", ["536-90-4399", "01/02/1980"]),
        ("1 2 3: 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", ["4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"]),
        ("card 41111 11111 11111 1", ["41111 11111 11111 1"]),
        ("Geboren am 12.05.1980 in Köln", ["12.05.1980"]),
        ("passport no. 123456789", ["123456789"]),
        ("護照號碼 312345678", ["312345678"]),
        ("from 2001:0db8:85a3::8a2e:0370:7334 and 10.0.0.5", ["2001:0db8:85a3::8a2e:0370:7334", "10.0.0.5"]),
        ("00:1A:2B:3C:4D:5E or 001a.2b3c.4d5e", ["00:1A:2B:3C:4D:5E", "001a.2b3c.4d5e"]),
        ("0x742d35Cc6634C0532925a3b844Bc454e4438f44e", ["0x742d35Cc6634C0532925a3b844Bc454e4438f44e"]),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]),
        ("AKIAIOSFODNN7EXAMPLE", ["AKIAIOSFODNN7EXAMPLE"]),
        ('password: "hunter22!"', ["hunter22!"]),
        ("postgres://admin:s3cret@db.example.com/x", ["admin:s3cret"]),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", None),
        ("john(at)example(dot)com", ["john(at)example(dot)com"]),
        ("john [at] example.com", ["john [at] example.com"]),
        ('mail: "john doe"@example.com', ['"john doe"@example.com']),
        ("user@[192.0.2.1]", ["user@[192.0.2.1]"]),
        ("[bob@example.com](mailto:bob@example.com)", ["bob@example.com", "bob@example.com"]),
        ("<a href='tel:+33612345678'>06 12 34 56 78</a>", ["+33612345678", "06 12 34 56 78"]),
        ("https://x.com/?email=bob%40example.com&tel=%2B4915112345678", ["bob%40example.com", "%2B4915112345678"]),
        ("j%C3%BCrgen%40example.com", ["j%C3%BCrgen%40example.com"]),
        ("bob%2540example.com", ["bob%2540example.com"]),
        ("bob&#64;example&#46;com or bob&commat;example.com", ["bob&#64;example&#46;com", "bob&commat;example.com"]),
        (r'{"mail": "bob\u0040example.com\nann@example.com"}', [r"bob\u0040example.com", "ann@example.com"]),
        ("al\u200bice@exam\u200bple.com", ["al\u200bice@exam\u200bple.com"]),
        ("ａｌｉｃｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", ["ａｌｉｃｅ＠ｅｘａｍｐｌｅ．ｃｏｍ"]),
        ("phone ٠٦ ١٢ ٣٤ ٥٦ ٧٨", ["٠٦ ١٢ ٣٤ ٥٦ ٧٨"]),
        ("4111\u00a01111\u20111111\u20091111", ["4111\u00a01111\u20111111\u20091111"]),
        ("Call +49 151\n23456789", ["+49 151\n23456789"]),
        ("4111 1111 1111 1111 123-45-6789", ["4111 1111 1111 1111", "123-45-6789"]),
        ("+44 20 7946 0958 4111 1111 1111 1111", ["+44 20 7946 0958", "4111 1111 1111 1111"]),
        ("card_1 4111 1111 1111 1111 123 5105105105105100", ["4111 1111 1111 1111", "5105105105105100"]),
        ("call 030 12345678 or 0171 1234567 0221-4710123", ["030 12345678", "0171 1234567", "0221-4710123"]),
        ("tel 010 99999999", ["010 99999999"]),
        ("phone\n030\n1234567", ["030\n1234567"]),
    ],
)
def test_identifiers_are_found_in_many_forms(text, values):
    whole = [text[slice(*edge)] for edge in ((0, 22), (26, len(text)))] if text.startswith("GB29") else [text]
    assert [value for _, value in found(text)] == (whole if values is None else values)


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "DE00 3704 0044 0532 0130 00",
        "123.456.789-00",
        "000-12-3456 and 666-12-3456",
        "12345678A",
        "Steuer-ID 12345678901",
        "BSN 111222334",
        "order 44051401359",
        "invoice no. 8001015009087",
        "logo@2x.png",
        "git@github.com:psf/requests.git",
        "@dataclass and a@b",
        "version 1.2.3.4, section 4.1.2.3",
        "127.0.0.1, ::1, 0.0.0.0, 300.1.2.3 and 12:34:56",
        "2019 2020 2021 2022 2023",
        "the password is not set: choose one",
        "Your password: secret",
        "ABN 51 824 753 556",
        "phone call at 10:45, 12 people",
        "0.1234567890",
        "+1 23",
        "Call +999 12345678",
        "1234567 is a number",
        "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=",
        "Born in 1980, passport valid until 2030",
        "123456788X",
        "41111 11111 11111 1",
        "100 200 300 400 500 600 700 800 900 1000",
        "write to @example.com",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
    ],
)
def test_look_alikes_are_left(text):
    assert found(text) == []


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_word_in_base64_that_hides_an_identifier_is_found_as_a_whole(encode):
    word = encode(b"call alice@example.com").decode()
    assert found(f"See {word} please") == [("email", word)]
    assert found(f"See {encode(bytes(range(200))).decode()} please") == []


def test_every_identifier_of_the_tables_has_a_country_and_a_name():
    assert {len(one.country) for one in IDENTIFIERS} == {2}
    assert len({one.country for one in IDENTIFIERS}) >= 35


def test_a_finding_says_what_it_is():
    [finding] = find_personal_data("My PESEL is 44051401359", RULE_KINDS)
    assert (finding.kind, finding.country, finding.name, finding.checked) == ("national_id", "PL", "pesel", True)
    [finding] = find_personal_data("DE89370400440532013000", RULE_KINDS)
    assert (finding.kind, finding.country, finding.checked) == ("iban", "DE", True)
    [finding] = find_personal_data("+1 555 010 1234", RULE_KINDS)
    assert (finding.kind, finding.checked) == ("phone", False)


def test_only_the_wanted_kinds_are_returned():
    text = "alice@example.com, card 4111 1111 1111 1111, 030 12345678"
    assert found(text, {"email"}) == [("email", "alice@example.com")]
    assert found(text, {"phone"}) == [("phone", "030 12345678")]


def test_a_card_is_no_phone_number():
    assert found("phone or card 4111 1111 1111 1111", {"phone"}) == []


def test_countries_select_identifiers_and_regions_of_phones():
    text = "44051401359 and 12345678Z, 612 345 678"
    assert found(text, countries=("ES",)) == [("national_id", "12345678Z"), ("phone", "612 345 678")]
    assert found(text, countries=("PL",)) == [("national_id", "44051401359"), ("phone", "612 345 678")]
    assert found("010 999 99999", countries=("JP",)) == []  # the code of a call abroad, and of no country


def test_a_long_text_is_searched_in_parts_with_a_pause_after_each():
    pauses = []
    filler = "word " * (PART_CHARS // 5 - 3)
    text = f"{filler}alice@example.com {filler}bob@example.com"
    findings = find_personal_data(text, {"email"}, pause=lambda: pauses.append(1))
    assert [text[one.start : one.end] for one in findings] == ["alice@example.com", "bob@example.com"]
    assert len(pauses) == 2 + len(text) % PART_CHARS // PART_CHARS or len(pauses) == 3


HOSTILE = (
    "a", "1", "a@", "a.", "-", "1-", "(", "&#64;", "AB 12 ", "+1 ", "%40", ":", "1:", "eyJ", "://", "password",
    "12 345 678 ",
    "\\u0040", "\u200b", "@", "A1", "0 ", "key=", "-----BEGIN PRIVATE KEY-----", "x" * 40 + " ", "1 of may ", "00:",
)  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_the_time_is_linear_in_the_length(unit):
    def seconds(length):
        text = (unit * (length // len(unit) + 1))[:length]
        times = []
        for _ in range(2):
            started = time.process_time()
            find_personal_data(text, RULE_KINDS)
            times.append(time.process_time() - started)
        return min(times)

    seconds(1000)
    assert seconds(8000) < 8 * max(seconds(2000), 0.002)


def test_offsets_are_right_whatever_stands_around():
    letters = random.Random(7)
    for _ in range(200):
        noise = "".join(letters.choice("ab c%&;\\\u200bü日\n.") for _ in range(20))
        text = f"{noise} alice@example.com {noise}"
        assert ("email", "alice@example.com") in found(text, {"email"})


def test_a_text_with_very_many_different_characters_is_searched():
    characters = "".join(map(chr, range(0x3400, 0x9000)))
    assert found(f"{characters} alice@example.com {characters}", {"email"}) == [("email", "alice@example.com")]
