"""The words by which mail programs mark quoted mails and signatures, by language.

Gmail, Outlook, Apple Mail, Thunderbird and Yahoo write them in the language of their user. The package
mail-parser-reply has such words for 15 languages; its patterns take the items of a list for a signature, need 6 seconds
for three lines of 8,000 characters, and give no offsets.
"""

import re


def _any_of(*alternatives: str) -> str:
    return f"(?:{'|'.join(alternatives)})"


# a quick look before the long pattern
ATTRIBUTION_WORD = re.compile(
    r"wrote|schrieb|skrev|schreef|escri|écrit|scritto|escrev|napsal|napisał|scris|nadesłał|geschreven|написа|пишет|пише|"
    r"kirjoitti|yazdı|írta|\d[年년/-]|写道|寫道|كتب|लिखा",
    re.IGNORECASE,
)
# a line such as "On Tue, 3 Feb 2026 at 10:11, Ann Lee <ann@example.org> wrote:", joined if it is broken
ATTRIBUTION = re.compile(
    r"[ \t>*]*"
    + _any_of(
        r"On\b.{6,300}\bwrote ?:",
        r".{3,200}\bwrote ?(?:on\b.{4,100})?:",
        r"(?:Am|Den|Op|El|Le|Il(?: giorno)?|Em|A|Dne|Dnia|W dniu|Pe|În data de)\b.{4,300}\b"
        r"(?:schrieb|skrev|schreef|escribió|a écrit|ha scritto|escreveu|va escriure|napsal(?:a|\(a\))?|"
        r"napisał(?:a|\(a\))?|a scris|nadesłał|heeft .{1,100}geschreven)(?!\w).{0,200}:",
        r".{0,200}\b(?:schrieb am|a écrit le|skrev den|schreef op|ha scritto il|escribió el|escreveu em)\b.{4,200}:",
        r".{4,300}\b(?:написал(?:\(а\)|а)?|пишет|пише|написа|kirjoitti|yazdı|şunu yazdı|írta)\s?:",
        r"\d{4}年\d{1,2}月\d{1,2}日.{0,200}(?:写道|寫道|のメール)?[:：]",
        r"(?:在|于|於).{4,200}(?:写道|寫道)[:：]",
        r"\d{4}년 \d{1,2}월 \d{1,2}일.{0,200}작성[:：]?",
        r"\d{4}[/-]\d{1,2}[/-]\d{1,2}.{0,100}<[^<>@\s]{1,100}@[^<>\s]{1,100}>[:：]?",
        r"(?:في|بتاريخ).{4,200}كتب.{0,200}[:：]",
        r".{4,200}(?:को|पर).{0,100}लिखा[:：]",
    )
    + r"[ \t]*$",
    re.IGNORECASE,
)

# a line in any language; only quoted lines behind it make it an attribution
ADDRESS = re.compile(r".{0,200}<[^<>@\s]{1,100}@[^<>\s]{1,100}>.{0,60}[:：][ \t]*$")

_FORWARDS = _any_of(
    "original message|forwarded message|begin forwarded message",
    "ursprüngliche nachricht|originalnachricht|weitergeleitete nachricht|anfang der weitergeleiteten nachricht",
    "message d['’]origine|message original|message transféré|début du message (?:réexpédié|transféré)",
    "mensaje original|mensaje reenviado|inicio del mensaje reenviado",
    "messaggio originale|messaggio inoltrato|mensagem original|mensagem encaminhada",
    "oorspronkelijk bericht|doorgestuurd bericht|originalmeddelande|vidarebefordrat meddelande",
    "oprindelig meddelelse|opprinnelig melding|alkuperäinen viesti|oryginalna wiadomość|wiadomość przekazana",
    "исходное сообщение|пересылаемое сообщение|пересланное сообщение",
    "原始邮件|转发的邮件|邮件原件|原始郵件|元のメッセージ|転送されたメッセージ|원본 메시지|전달된 메시지",
    "الرسالة الأصلية|मूल संदेश",
)
FORWARD = re.compile(
    rf"[ \t>]*(?:[-_=]{{2,}}[ \t]*(?:{_FORWARDS}|On .{{6,300}} wrote)[ \t]*[-_=]{{2,}}|{_FORWARDS}[ \t]*:)[ \t]*$",
    re.IGNORECASE,
)
RULER = re.compile(r"[ \t]*[_-]{20,}[ \t]*$")

# the fields that Outlook writes above a quoted mail; some languages share words
_FIELDS = _any_of(
    "from|sent|to|subject|date|cc|bcc|reply-to|importance|attachments",
    "von|gesendet|an|betreff|datum|antwort an|de|envoyé|à|objet|date d['’]envoi",
    "enviado|enviado el|enviada em|para|asunto|fecha|da|inviato|a|oggetto|data|assunto",
    "van|verzonden|aan|onderwerp|från|skickat|till|ämne|fra|sendt|til|emne|lähettäjä|lähetetty|vastaanottaja|aihe",
    "od|wysłano|do|temat|odesláno|komu|předmět|от|отправлено|кому|тема|дата",
    "发件人|发送时间|收件人|抄送|主题|日期|寄件者|收件者|主旨|差出人|送信日時|宛先|件名",
    "보낸 사람|받는 사람|보낸 날짜|제목|من|إلى|الموضوع|التاريخ",
)
HEADER = re.compile(rf"[ \t>]*\*?{_FIELDS}\*?[ \t]?[:：]\*?[ \t]?(?P<value>.*)$", re.IGNORECASE)

DEVICE = re.compile(
    r"[ \t]*"
    + _any_of(
        "sent from (?:my|outlook|mail|yahoo|samsung|proton|the all new)|get outlook for|sent via",
        "(?:von meinem|von) .{1,40} gesendet|gesendet (?:von|mit)|holen sie sich outlook",
        "envoyé (?:de|depuis|à partir de)|télécharger outlook|enviado (?:desde|do meu|a partir)|obtener outlook",
        "inviato da|verzonden vanaf|verstuurd vanaf|skickat från|sendt fra|lähetetty ",
        "wysłan[eo] z|odesláno z|отправлено с",
        "发自我的|從我的|发送自|iphoneから送信|나의 .{1,20}에서 보냄|أرسلت من|मेरे .{1,20} से भेजा",
    )
    + r"(?P<rest>.{0,80})$",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"[ \t]*"
    + _any_of(
        "(?:with )?(?:best|kind|kindest|warm|warmest|many thanks and|my best)(?: regards| wishes)?|regards|sincerely",
        "yours (?:sincerely|faithfully|truly)|sincerely yours|cheers|all the best|respectfully",
        "(?:many )?thanks(?: again| in advance| and regards| & regards)?|thank you",
        "mit (?:freundlichen|besten|herzlichen|lieben) grü(?:ß|ss)en|mfg|lg|vg|hochachtungsvoll",
        "(?:freundliche|viele|beste|liebe|herzliche|schöne) grü(?:ß|ss)e",
        "(?:besten|vielen) dank(?: und .{1,30}grü(?:ß|ss)e)?",
        "(?:bien )?cordialement|(?:bien )?à vous|meilleures salutations|salutations|amicalement",
        "saludos(?: cordiales)?|un (?:cordial )?saludo|atentamente|cordialmente|(?:muchas )?gracias",
        "(?:cordiali |distinti )?saluti|un saluto|grazie(?: mille)?",
        "atenciosamente|cumprimentos|obrigad[oa]|abraços",
        "(?:met vriendelijke |hartelijke )?groet(?:en|jes)?",
        "(?:med )?vänliga? hälsning(?:ar)?|hälsningar|mvh|(?:med )?(?:venlig )?hilsen|(?:ystävällisin )?terveisin",
        "z poważaniem|pozdrawiam|s pozdravem|с уважением",
        "此致|敬礼|祝好|谢谢|敬具|(?:以上、?)?よろしくお願い(?:いた)?します|감사합니다",
        "(?:مع )?(?:خالص |أطيب )?(?:التحيات|التحية|تحياتي)|धन्यवाद|सादर",
    )
    + r"[ \t]*[,;.!，。、]*[ \t]*$",
    re.IGNORECASE,
)
DISCLAIMER = re.compile(
    r"[ \t*]*"
    + _any_of(
        "confidentiality (?:notice|note)|(?:legal )?disclaimer|privileged (?:and|&) confidential",
        r"this (?:e-?mail|message|communication|email message)\b.{0,120}\b(?:confidential|intended|privileged)",
        "the information (?:contained )?in this (?:e-?mail|message)",
        "if you (?:are not|have received).{0,80}(?:intended|error)|please consider the environment",
        r"diese (?:e-?mail|nachricht)\b.{0,120}\b(?:vertraulich|bestimmt)|der inhalt dieser (?:e-?mail|nachricht)",
        r"ce (?:message|courriel|mail|courrier)\b.{0,160}\b(?:confidentiel|destin)",
        r"este (?:correo|mensaje|e-?mail)\b.{0,160}\b(?:confidencial|dirigid)|aviso (?:legal|de confidencialidad)",
        r"(?:questo messaggio|la presente (?:e-?mail|comunicazione))\b.{0,160}\b(?:riservat|confidenzial)",
        r"esta mensagem\b.{0,160}\bconfidencia|dit (?:bericht|e-?mail)\b.{0,160}\bvertrouwelijk",
        "本邮件.{0,60}(?:机密|保密)|このメール.{0,60}(?:機密|秘密)|免责声明",
    ),
    re.IGNORECASE,
)
FOOTER = re.compile(
    r"[ \t(\[*]*"
    + _any_of(
        r".{0,60}\bunsubscribe\b.{0,60}|view (?:this email |it )?in (?:your |a )?(?:web )?browser.{0,40}",
        "view (?:online|web version).{0,30}|(?:manage|update) (?:your )?(?:email )?preferences.{0,40}",
        r".{0,60}\bnewsletter (?:abbestellen|abmelden)\b.{0,40}|.{0,40}im browser (?:ansehen|anzeigen|öffnen).{0,30}",
        "(?:.{0,30}(?:se|vous) )?désabonner.{0,40}|se désinscrire.{0,40}|.{0,40}dans (?:votre|un) navigateur.{0,30}",
        "darse de baja.{0,40}|cancelar (?:la )?suscripción.{0,40}|ver en (?:el|tu|su) navegador.{0,30}",
        "annulla iscrizione.{0,40}|©.{0,100}|copyright ©?.{0,100}",
        "(?:all rights reserved|alle rechte vorbehalten|tous droits réservés|todos los derechos reservados).{0,20}",
    )
    + "$",
    re.IGNORECASE,
)
