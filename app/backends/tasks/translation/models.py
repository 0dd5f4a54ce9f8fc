"""The translation models of Hugging Face's pipelines: their pairs of languages, and their parameters for a pair."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.texts.language_names import base_language

T5 = "google-t5/t5-small"
# T5's model card: the pairs that it was trained on, by names in its input
_T5_NAMES: Mapping[str, str] = {"en": "English", "de": "German", "fr": "French", "ro": "Romanian"}
_T5_PAIRS = frozenset(("en", target) for target in ("de", "fr", "ro"))

# https://github.com/facebookresearch/flores/blob/main/flores200/README.md
_NLLB = (
    "af afr_Latn|am amh_Ethi|ar arb_Arab|az azj_Latn|be bel_Cyrl|bg bul_Cyrl|bn ben_Beng|bs bos_Latn|ca cat_Latn|"
    "cs ces_Latn|cy cym_Latn|da dan_Latn|de deu_Latn|el ell_Grek|en eng_Latn|es spa_Latn|et est_Latn|eu eus_Latn|"
    "fa pes_Arab|fi fin_Latn|fr fra_Latn|ga gle_Latn|gl glg_Latn|gu guj_Gujr|he heb_Hebr|hi hin_Deva|hr hrv_Latn|"
    "hu hun_Latn|hy hye_Armn|id ind_Latn|is isl_Latn|it ita_Latn|ja jpn_Jpan|ka kat_Geor|kk kaz_Cyrl|km khm_Khmr|"
    "kn kan_Knda|ko kor_Hang|ky kir_Cyrl|lo lao_Laoo|lt lit_Latn|lv lvs_Latn|mk mkd_Cyrl|ml mal_Mlym|mn khk_Cyrl|"
    "mr mar_Deva|ms zsm_Latn|mt mlt_Latn|my mya_Mymr|nb nob_Latn|ne npi_Deva|nl nld_Latn|nn nno_Latn|no nob_Latn|"
    "pa pan_Guru|pl pol_Latn|pt por_Latn|ro ron_Latn|ru rus_Cyrl|si sin_Sinh|sk slk_Latn|sl slv_Latn|so som_Latn|"
    "sq als_Latn|sr srp_Cyrl|sv swe_Latn|sw swh_Latn|ta tam_Taml|te tel_Telu|th tha_Thai|tl tgl_Latn|tr tur_Latn|"
    "uk ukr_Cyrl|ur urd_Arab|uz uzn_Latn|vi vie_Latn|xh xho_Latn|yo yor_Latn|zh zho_Hans|zh-hant zho_Hant|"
    "zh-tw zho_Hant|zu zul_Latn"
)
# https://huggingface.co/facebook/mbart-large-50-many-to-many-mmt
_MBART = (
    "af af_ZA|ar ar_AR|az az_AZ|bn bn_IN|cs cs_CZ|de de_DE|en en_XX|es es_XX|et et_EE|fa fa_IR|fi fi_FI|fr fr_XX|"
    "gl gl_ES|gu gu_IN|he he_IL|hi hi_IN|hr hr_HR|id id_ID|it it_IT|ja ja_XX|ka ka_GE|kk kk_KZ|km km_KH|ko ko_KR|"
    "lt lt_LT|lv lv_LV|mk mk_MK|ml ml_IN|mn mn_MN|mr mr_IN|my my_MM|ne ne_NP|nl nl_XX|pl pl_PL|ps ps_AF|pt pt_XX|"
    "ro ro_RO|ru ru_RU|si si_LK|sl sl_SI|sv sv_SE|sw sw_KE|ta ta_IN|te te_IN|th th_TH|tl tl_XX|tr tr_TR|uk uk_UA|"
    "ur ur_PK|vi vi_VN|xh xh_ZA|zh zh_CN"
)
# models for several languages have other names, such as opus-mt-en-roa
_OPUS = re.compile(r"opus-mt-[a-z]{2}-([a-z]{2})")


def _table(text: str) -> Mapping[str, str]:
    return dict(pair.split(" ") for pair in text.split("|"))


# by a part of the model's name; None for models whose codes are those of ISO 639-1
_CODES: Mapping[str, Mapping[str, str] | None] = {
    "nllb": _table(_NLLB),
    "mbart-large-50": _table(_MBART),
    "m2m100": None,
    "small100": None,
}


@dataclass(frozen=True)
class PairOfModel:
    """A model, the text before each input, and its parameters for a pair of languages."""

    model: str
    prefix: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


def candidates(source: str, target: str) -> Iterator[PairOfModel]:
    """Yield the models for a pair of languages, the best first. Hugging Face keeps only some of them loaded."""
    source, target = base_language(source), base_language(target)
    yield PairOfModel(f"Helsinki-NLP/opus-mt-{source}-{target}")
    if (source, target) in _T5_PAIRS:
        yield pair_of_model(T5, source, target)


def pair_of_model(model: str, source: str | None, target: str) -> PairOfModel:
    """Return the parameters of a pair; raise ValueError with a sentence if the model does not know the pair.

    Models of unknown families get no languages: they are mostly models for one pair.
    """
    name = model.partition(":")[0].rpartition("/")[2].lower()
    for family, codes in _CODES.items():
        if family in name:
            return PairOfModel(model, parameters=_language_codes(model, codes, source, target))
    if name.startswith("t5-"):
        pair = (base_language(source or "en"), base_language(target))
        if pair not in _T5_PAIRS:
            raise ValueError(f"{model} translates from English to German, French and Romanian only.")
        return PairOfModel(model, f"translate {_T5_NAMES[pair[0]]} to {_T5_NAMES[pair[1]]}: ")
    if (match := _OPUS.fullmatch(name)) and match[1] != base_language(target):
        raise ValueError(f"{model} translates to the language {match[1]} only.")
    return PairOfModel(model)


def _language_codes(model: str, codes: Mapping[str, str] | None, source: str | None, target: str) -> Mapping[str, str]:
    if source is None:
        raise ValueError(f"{model} needs the language of the text; send `source`.")
    found = {"src_lang": _code(codes, source), "tgt_lang": _code(codes, target)}
    for name, code in zip(found, (source, target), strict=True):
        if found[name] is None:
            raise ValueError(f"{model} does not know the language {code}.")
    return {name: code for name, code in found.items() if code}


def _code(codes: Mapping[str, str] | None, language: str) -> str | None:
    base = base_language(language)
    return base if codes is None else codes.get(language.lower()) or codes.get(base)
