"""What do mail programs write around the words of a person, in which language?

Tables only, and the patterns made of them. Gmail, Outlook, Apple Mail, Thunderbird, Yahoo, Zimbra, Roundcube,
SOGo, K-9, Samsung and the Asian web mails in the languages in which they are used. A language is one line.
"""

import re
from enum import StrEnum


def _any(*rows: str) -> str:
    return "|".join(row.strip("|") for row in rows)


# "Budi wrote": the verb of an attribution line.
VERBS = _any(
    r"menulis|tulis|menulis dalam pesan|nulis|sinulat|isinulat",  # Indonesian, Malay, Javanese, Filipino
    r"wrote|writes|said",
    r"schrieb|hat geschrieben|geschrieben",
    r"schreef|het volgende geschreven|geskryf|skryf",
    r"(?:a )?écrit|(?:a )?ecrit",
    r"escribi[óo]|va escriure|ha escrit|escribiu|idatzi du|escreveu",
    r"(?:ha )?scritto|a scris",
    r"skrev|skreiv|skrifaði|kirjoitti|kirjutas|rakstīja|rašė",
    r"napisał(?:\(a\)|a)?|pisze|napsal(?:\(a\)|a)?|napísal(?:\(a\)|a)?|napisa(?:o|la)(?:/la|\(la\))?",
    r"je napisal",
    r"(?:ezt )?írta|írta",
    r"έγραψε|skribis",
    r"написал(?:\(а\)|а)?|пишет|написав(?:\(ла\))?|написала|пише|написа|напіса[ўл]|је написао",
    r"(?:şunu |şunları )?yazdı|yazıb",
    r"đã viết|viết|เขียน(?:ว่า)?",
    r"كتب(?:ت)?|نوشت|כתב(?:ה|/ה)?|ने लिखा|লিখেছেন|எழுதியது",
)
_UNSPACED_VERBS = "写道|寫道|写了|님이 작성(?:함)?|님이 씀|작성|書きました|のメール|のメッセージ"

# How an attribution line begins; the moment follows.
_STARTS = _any(
    r"pada|on|at|am|op|le|el|il|em|den|dnia|w dniu|in data|il giorno|no dia|às",
    r"på|pe|la|în|în data|o|dne|dňa|dana|v|a|klo|am|vào|lúc|στις|on date|noong|nuo|ב|בתאריך|في|بتاريخ|เมื่อ",
    r"в|вс|пн|вт|ср|чт|пт|сб|дата|у",
)
_WEEKDAYS = _any(
    r"sen(?:in)?|sel(?:asa)?|rab(?:u)?|kam(?:is)?|jum(?:at)?|sab(?:tu)?|min(?:ggu)?",
    r"mon|tue|wed|thu|fri|sat|sun|ma|ti|ke|to|pe|la|su|lun|mar|mer|jeu|ven|dim|mié|jue|vie|dom|seg|ter|qua",
    r"qui|sex",
)
_MOMENT_START = (
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{4}\s?[年년]"
    rf"|\d{{1,2}}\.? (?:de )?[^\W\d_]{{3,12}}\.?,? |(?:{_WEEKDAYS})[.,]* \d{{1,2}}[./ ]|[于於在]\s?\d{{4}}"
)
ATTRIBUTION_START = re.compile(
    rf"(?:-{{2,}} ?)?(?:(?:{_STARTS})[ ,:-]|{_MOMENT_START}|quoting |zitat von |citando |mengutip )",
    re.IGNORECASE,
)
DATED_START = re.compile(rf"(?:{_MOMENT_START})", re.IGNORECASE)
"""Enough to begin an attribution that has no verb: '26.06.2014, 14:41, "Budi" <budi@example.com>:'."""

QUOTING = re.compile(
    r"(?:quoting|zitat von|citando(?: a)?|citaat van|mengutip|en citant)\b.*>?:", re.IGNORECASE
)
"""Horde."""

VERB_AT_END = re.compile(
    rf"(?:(?<![^\s>)\"'*,\]])(?:{VERBS})(?![^\W_])|(?:{_UNSPACED_VERBS}))(?P<after>.{{0,120}})$",
    re.IGNORECASE,
)
VERB_BEFORE_DASHES = re.compile(rf"(?<![^\W_])(?:{VERBS}) ?-{{2,}}$", re.IGNORECASE)
"""Zoho and old Androids: "---- Budi Santoso wrote ----"."""

CLOCK = re.compile(r"(?<![\d.:])\d{1,2}[.:h]\d{2}(?!\d)|\d{1,2}\s?[時时시點点]")
YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)|\b\d{1,2}[./-]\d{1,2}[./-]\d{2}\b")

# A sentence about somebody who wrote, unless an address stands in it: programs write neither of these words.
TOLD = re.compile(
    r"\b(?:hari|saya|kami|kita|beliau|atasan|pimpinan|bapak|ibu|my|our|i|we|he|she|they|the|boss|mein|unser"
    r"|mon|notre)\b",
    re.IGNORECASE,
)


class Label(StrEnum):
    """A line of the header block that Outlook and others put above the answered mail."""

    FROM = "from"
    SENT = "sent"
    """In words that only programs use there."""
    DATE = "date"
    TO = "to"
    CC = "cc"
    SUBJECT = "subject"


_LABELS = {
    Label.FROM: _any(
        "dari|from|pengirim|daripada",
        "von|de|van|da|från|fra|frá|lähettäjä|od|feladó|από|от|від|од|kimden|gönderen|expéditeur|remitente",
        "mittente",
        "remetente|saatja|expeditor|από|מאת|من|از|发件人|寄件者|寄件人|發件人|差出人|送信者",
        "보낸 사람|보낸사람|từ|người gửi|จาก|mula kay",
    ),
    Label.SENT: _any(
        "dikirim|terkirim|dikirim pada|dihantar|sent|gesendet|envoyé|enviado|enviado el|enviado em|enviada",
        "enviada em|inviato|verzonden",
        "skickat|sendt|lähetetty|wysłano|odesláno|odoslané|elküldve|trimis|poslano|στάλθηκε|отправлено",
        "надіслано",
        "изпратено|gönderildi|gönderme tarihi|נשלח|تم الإرسال|发送时间|發送時間|寄件日期|送信日時",
        "보낸 날짜|보낸날짜|đã gửi|ส่ง",
    ),
    Label.DATE: _any(
        "tanggal|tanggal kirim|date|tarikh|datum|date d'envoi|fecha|data|dato|päivämäärä|päiväys|dátum",
        "ημερομηνία",
        "дата|tarih|תאריך|تاريخ|日期|时间|時間|日時|日付|날짜|ngày|gửi|วันที่",
    ),
    Label.TO: _any(
        "kepada|ke|untuk|penerima|to|an|à|a|para|aan|till|til|vastaanottaja|do|komu|címzett|προς|кому|kime",
        "alıcı",
        "destinataire|destinatario|către|za|אל|إلى|收件人|宛先|받는 사람|받는사람|đến|tới|ถึง",
    ),
    Label.CC: _any(
        "cc|tembusan|lampiran|attachments?|kopie|kopia|kopi|copie|másolat|κοιν|копия|копія|抄送|副本|참조",
        "reply-to|balas ke",
    ),
    Label.SUBJECT: _any(
        "subjek|judul|perihal|hal|subject|topik|subyek|perkara",
        "betreff|objet|asunto|assunto|oggetto|onderwerp|ämne|emne|aihe|temat|předmět|predmet|tárgy|subiect",
        "assumpte",
        "θέμα|тема|относно|konu|נושא|الموضوع|موضوع|主题|主旨|主題|件名|제목|chủ đề|tiêu đề|เรื่อง",
    ),
}
_LABEL = {word: label for label, words in _LABELS.items() for word in words.split("|")}


def label_of(row: str) -> Label | None:
    """The label that a line begins with: "*Dari:* Budi"."""
    head = row[:40].replace("：", ":").partition(":")
    return _LABEL.get(head[0].strip("* ").lower()) if head[1] else None


_ORIGINAL = _any(
    r"pesan (?:asli|orisinal|semula|asal)|mesej asal|email asli|balas pesan",
    r"original (?:message|appointment|e-?mail|mail)",
    r"reply message|ursprüngliche (?:nachricht|mail)|original-?nachricht|originalnachricht",
    r"message (?:d['’]origine|original|initial)",
    r"mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|missatge original",
    r"mesaj original",
    r"(?:ursprungligt|oprindelig|opprinnelig) (?:meddelande|meddelelse|melding)|original ?meddelelse",
    r"alkuperäinen viesti",
    r"(?:wiadomość|wiadomosc) oryginalna|oryginalna wiadomość|původní (?:zpráva|e-?mail)|pôvodná správa",
    r"izvorna poruka|izvorno sporočilo",
    r"eredeti üzenet|αρχικό μήνυμα|исходное сообщение|оригинальное сообщение|оригінал повідомлення",
    r"оригинално съобщение",
    r"(?:orijinal|özgün) (?:mesaj|ileti)|thư gốc|tin nhắn gốc|הודעה מקורית|الرسالة الأصلية|ข้อความต้นฉบับ",
    r"原始邮件|原始郵件|邮件原件|原邮件|原始信件|元のメッセージ|オリジナルメッセージ|원본 메시지|원본 메일",
)
ORIGINAL = re.compile(rf"[* ]*[-=_–—]{{2,}} ?(?:{_ORIGINAL}) ?:?[-=_–—]{{2,}}[* ]*", re.IGNORECASE)
ORIGINAL_BARE = re.compile(rf"[*_ ]*(?:{_ORIGINAL})[*_ ]*:?", re.IGNORECASE)
"""Without dashes, as HTML programs write it: only above a header block."""

_FORWARDED = _any(
    r"forwarded message|forwarded mail|forwarded by .{1,60}|pesan (?:terusan|yang diteruskan|diteruskan)",
    r"diteruskan(?: oleh .{1,60})?",
    r"mesej (?:yang )?dimajukan|weitergeleitete nachricht|message transféré|message réexpédié",
    r"mensaje reenviado",
    r"mensagem (?:encaminhada|reencaminhada)|messaggio inoltrato|doorgestuurd bericht",
    r"videresendt (?:meddelelse|melding|besked)",
    r"vidarebefordrat meddelande|välitetty viesti",
    r"(?:wiadomość przekazana|przekazana wiadomość|przekazywana wiadomość)",
    r"přeposlaná zpráva|preposlaná správa|továbbított (?:levél|üzenet)|mesaj redirecționat|προωθημένο μήνυμα",
    r"пересылаемое сообщение|перенаправленное сообщение|переслане повідомлення",
    r"yönlendirilen (?:ileti|mesaj)|iletilen mesaj",
    r"thư được chuyển tiếp|chuyển tiếp thư|הודעה שהועברה|رسالة مُ?عاد توجيهها",
    r"转发邮件信息|转发的邮件|轉寄郵件|轉寄的郵件",
    r"転送メッセージ|전달된 (?:메일|메시지)",
)
_BEGIN_FORWARDED = _any(
    r"begin forwarded message|memulai pesan yang diteruskan|anfang der weitergeleiteten nachricht",
    r"début du message (?:réexpédié|transféré)|inicio del mensaje reenviado",
    r"início da mensagem (?:encaminhada|reencaminhada)",
    r"inizio messaggio inoltrato|begin doorgestuurd bericht|start på videresendt (?:besked|melding)",
    r"vidarebefordrat brev",
    r"начало переадресованного сообщения|początek przekazywanej wiadomości",
    r"下面是被转发的邮件|轉寄信件開始|転送されたメッセージ",
)
FORWARD = re.compile(
    rf"[* ]*[-=_]{{2,}} ?(?:{_FORWARDED}) ?:?[-=_]{{2,}}[* ]*|[* ]*(?:{_BEGIN_FORWARDED}) ?:[* ]*",
    re.IGNORECASE,
)
FORWARD_SUBJECT = re.compile(
    r"\s*(?:\[[^\]]{1,40}\]\s*)?(?:fwd?|trs?|terusan|diteruskan|wg|rv|enc|i|doorst|vs|vb|továbbítás|转发|轉寄|转寄)"
    r"(?:\[\d+\])?\s*[:：]",
    re.IGNORECASE,
)

# What phones and programs add below. Followed by the name of the thing and hardly more.
_SENT_FROM = re.compile(
    r"[<(*_]*(?:"
    + _any(
        r"(?:dikirim|terkirim|di-?kirim|dihantar)(?: (?:dari|dengan|menggunakan|lewat|melalui|via|daripada))",
        r"(?:sent|posted|composed|written|delivered) (?:from|via|with|using|by)|sent on the go with",
        r"gesendet(?: (?:von|mit|über|aus))?",
        r"envoyé (?:de|depuis|à partir|avec|par)|enviad[oa] (?:desde|do|da|de|a partir|através|por|con|com)",
        r"inviato (?:da|dal|con)|verzonden (?:vanaf|vanuit|met|via|van)",
        r"verstuurd (?:vanaf|vanuit|met|via|van)",
        r"sendt (?:fra|med)|skickat från|lähetetty|wysłan[eoay] (?:z|ze)|odesláno (?:z|ze|pomocí)",
        r"odoslané (?:z|zo)|poslano (?:s|z)",
        r"отправлено (?:с|из)|надіслано (?:з|із)|trimis de pe|στάλθηκε από|küldve|gönderildi|được gửi từ",
        r"đã gửi từ",
        r"get outlook for|dapatkan outlook untuk|holen sie sich outlook|télécharger outlook",
        r"obtener outlook|obter o outlook",
        r"scarica outlook|outlook voor .{1,20} downloaden|hämta outlook",
        r"get (?:bluemail|typeapp|mymail|mail) for|download outlook",
        r"dikirim dr|sent w/",
    )
    + r")(?=\W)",
    re.IGNORECASE,
)
_SENT_FROM_AFTER = re.compile(
    _any(
        r"发自我?的?|發自|發送自|傳送自|從我的|.{0,12}から送信|.{0,20}에서 보냄|נשלח מ|أرسلت من|ส่งจาก",
        r".{1,20}[’']?[dt][ae]n gönderildi",
    ),
    re.IGNORECASE,
)
_EXCUSE = re.compile(
    r"[,.;:–-]+ ?(?:an at&t|please|so|excuse|apolog|forgive|pardon|maaf|mohon|harap|sorry|thus|typos|powered)"
    r".*",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:] [^\W\d_A-ZÀ-Þ]|[.!?] ")
_LINK = re.compile(r"<[^<>]*>|\(https?:[^()]*\)|\[[^\[\]]*\]|https?:\S+")
_ADDED = re.compile(
    _any(
        r"(?:virus-free|bebas virus|virenfrei|garanti sans virus|libre de virus|virusvrij)\b.{0,60}",
        r"(?:this e-?mail|this message|email ini|surel ini|pesan ini) (?:has been|was|telah|sudah) "
        r"(?:checked|scanned|diperiksa|dipindai).{0,80}",
        r".{0,12}(?:please (?:consider|think)|(?:mohon )?pertimbangkan).{0,40}"
        r"(?:environment|lingkungan|before print).{0,80}",
        r"(?:diese nachricht wurde |dieses e-?mail wurde )?von meinem .{1,40} gesendet\.?",
        r"powered by telkomsel.{0,30}",
        r"\[?(?:image|gambar|cid|bild|afbeelding): ?[^\]]{0,100}\]?",
    ),
    re.IGNORECASE,
)


def is_footer(row: str) -> bool:
    """Whether a program added this line: "Dikirim dari iPhone saya". Not "Sent from my desk, it is …"."""
    if _ADDED.fullmatch(row):
        return True
    if _SENT_FROM_AFTER.match(row):
        return len(row) <= 30
    if not (sent := _SENT_FROM.match(row)):
        return False
    rest = _EXCUSE.sub("", _LINK.sub(" ", row[sent.end() :]))
    return len(rest.split()) <= 10 and not _CLAUSE.search(rest) and len(rest) <= 80


# How letters close. "Terima kasih" and "Thanks" are words to somebody and stay.
CLOSING = re.compile(
    "(?:"
    + _any(
        r"hormat (?:kami|saya)|salam(?: hormat| hangat| sejahtera)?|teriring salam|wassalam.{0,40}",
        r"yang hormat",
        r"(?:(?:with )?(?:best|kind|kindest|warm|warmest|many|friendly) )?regards|(?:all the )?best",
        r"best wishes|cheers,? and regards",
        r"(?:yours )?(?:sincerely|faithfully|truly|cordially|respectfully)(?: yours)?",
        r"mit (?:freundlichen|freundlichem|besten) gr(?:ü|ue)(?:ß|ss)(?:en)?",
        r"(?:freundliche|beste|viele|liebe|schöne) gr(?:ü|ue)(?:ß|ss)e|mfg|hochachtungsvoll",
        r"(?:met )?(?:vriendelijke|hartelijke) groet(?:en)?|groet(?:en|jes)?|hoogachtend|mvg",
        r"(?:bien |très )?cordialement|bien à vous|(?:meilleures )?salutations(?: distinguées)?",
        r"sincères salutations|respectueusement",
        r"(?:un )?saludos?(?: cordial(?:es)?)?|atentamente|cordialmente|atenciosamente",
        r"(?:com os melhores )?cumprimentos|abraços?",
        r"(?:cordiali|distinti) saluti|saluti",
        r"(?:med )?(?:venlig|vennlig|vänliga?|bästa|be[ds]s?te) (?:hilsen|hilsner|hälsning(?:ar)?)",
        r"hilsen|hälsningar|mvh|(?:ystävällisin )?terveisin|(?:z )?poważaniem|pozdrawiam|s pozdravem",
        r"s pozdravom|lep pozdrav|üdvözlettel",
        r"с уважением|з повагою|με εκτίμηση|saygılarımla|trân trọng|cu stimă|敬具|此致|敬上",
    )
    + r")[,.!:]*",
    re.IGNORECASE,
)

# Asked of casefolded text, each alternative beginning with a letter: then `re` leaps to where one may begin,
# and the last paragraph of every mail is read nine times as quick as with IGNORECASE.
DISCLAIMER = re.compile(
    _any(
        r"intended (?:only |solely )?for (?:the )?(?:use|named|recipient|addressee|person|individual)",
        r"intended (?:recipient|addressee)",
        r"if you (?:have |are not |are in )?(?:received|not the intended|receipt).{0,60}"
        r"(?:error|mistake|recipient|notify|delete)",
        r"penerima (?:yang )?(?:dituju|dimaksud)|bukan (?:merupakan )?penerima",
        *(
            rf"{received} (?:e-?mail|surel|pesan) ini (?:karena|secara) (?:kesalahan|keliru|tidak sengaja)"
            for received in ("menerima", "terima")
        ),
        r"nicht der (?:richtige|beabsichtigte) (?:adressat|empfänger)|vertrauliche und/oder",
        r"destinataire(?:s)? (?:prévu|désigné)",
        r"geadresseerde.{0,80}vertrouwelijk|bestemd is voor.{0,80}vertrouwelijk|destinatario previsto",
        r"informaci[óo]n confidencial|informazioni (?:confidenziali|riservate)",
    )
)
