"""The elements of HTML that are no part of the text, by their names and attributes."""

import re

from app.texts.formats.html_tokens import Token

# scripts, controls, navigation, and text that a browser shows only if something else fails
_ELEMENTS_WORDS = (
    "script style head title template noscript iframe object embed applet noembed noframes xmp svg canvas audio "
    "video nav footer aside dialog menu button select datalist textarea label rt rp"
)
_ELEMENTS = frozenset(_ELEMENTS_WORDS.split())
_ROLES_NAMES = "navigation banner contentinfo search complementary dialog alertdialog menu menubar"
_ROLES = frozenset(_ROLES_NAMES.split())
# classes and ids, complete or as their beginning: a class such as `has-sidebar` describes what stands beside it
_NAME_WORDS = (
    "navbar nav navigation topnav site-nav breadcrumb breadcrumbs site-header site-footer footer page-footer sidebar "
    "sr-only visually-hidden visuallyhidden screen-reader-text skip-link skip-to-content preheader social social-share "
    "social-links share-buttons sharing advertisement advert ad-slot ads related-posts newsletter-signup pagination "
    "copyright mw-editsection reference toc noprint d-none modal popup"
)
_NAMES = frozenset(_NAME_WORDS.split())
_PREFIXES = ("cookie", "gdpr", "ccpa", "consent")
_INVISIBLE = re.compile(
    r"(?:display:none|visibility:hidden|font-size:0(?:px|pt|em|%)?(?:[;!]|$)|max-height:0(?:px)?(?:[;!]|$))"
)
# mail clients mark the mail that a mail answers, and signatures, in these ways
_QUOTES = re.compile(
    r"(?:^|[ \"'])(?:gmail_quote|gmail_quote_container|gmail_attr|gmail_signature|gmail_extra_quote|yahoo_quoted|"
    r"moz-cite-prefix|moz-signature|protonmail_quote|protonmail_signature_block|zmail_extra|ms-outlook-mobile-signature|"
    r"x_gmail_quote|tutanota_quote|appendonsend|signature|mobileapplesignature|applemailsignature)(?:$|[ \"'])"
)
# a page's own structure may carry such names for another reason
_STRUCTURE = frozenset({"html", "body", "main", "article"})
# a quick look before attributes are parsed
_HINT = re.compile(
    "|".join(("hidden|none|role|font-size|max-height", *sorted(_NAMES - {"d-none"}), *_PREFIXES)), re.IGNORECASE
)


def is_boilerplate(token: Token) -> bool:
    """Return whether the element of a start tag is no part of the text."""
    if token.name in _ELEMENTS:
        return True
    if token.name in _STRUCTURE or not _HINT.search(token.written):
        return False
    attributes = token.attributes
    if "hidden" in attributes or attributes.get("aria-hidden") == "true" or attributes.get("role") in _ROLES:
        return True
    if _INVISIBLE.search(re.sub(r"\s+", "", attributes.get("style", "")).lower()):
        return True
    names = f"{attributes.get('class', '')} {attributes.get('id', '')}".lower().split()
    return not _NAMES.isdisjoint(names) or any(name.startswith(_PREFIXES) for name in names)


def is_quoted_mail(token: Token) -> bool:
    """Return whether the element of a start tag is a quoted mail or a signature."""
    if not token.written or token.name in _STRUCTURE:
        return False
    attributes = token.attributes
    if token.name == "blockquote":
        return attributes.get("type") == "cite" or "cite" in attributes or "gmail_quote" in attributes.get("class", "")
    return bool(_QUOTES.search(f"{attributes.get('class', '')} {attributes.get('id', '')}".lower()))


def ends_mail(token: Token) -> bool:
    """Return whether only a quoted mail follows, as behind Outlook's mark."""
    return token.attributes.get("id", "").lower() in {"divrplyfwdmsg", "appendonsend"} if token.written else False
