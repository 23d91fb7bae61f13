"""Which words do mail servers and answering programs write?

Phrases of the programs themselves, Indonesian and English first, then what arrives from elsewhere. They prove
nothing alone: who asks for what, and of whom, is in `bounces` and `automatic`. None of them backtracks far.
"""

import re


def any_of(*phrases: str, begins: str = "") -> re.Pattern[str]:
    """One expression for all of these; case does not matter. `begins`: what stands before each."""
    return re.compile(f"{begins}(?:{'|'.join(phrases)})", re.IGNORECASE)


# --- mail servers: white space squeezed -------------------------------------------------------------------

# In a mail server's own letter one such word is enough.
TROUBLE = any_of(
    "deliver", "fail", "error", "reject", "return", "refus", "unknown", "delay", "bounce", "quota", "full",
    "exist", "gagal", "terkirim", "配信", "送信", "エラー", "достав", "zustell", "remis", "entreg", "退信",
    "无法", "無法", "반송",
)  # fmt: skip
# In anybody else's, one of these.
FAILURE = any_of(
    r"undeliver",
    r"not (?:be |been |yet |able to |possible to )*(?:deliver|reach|send|sent|accept|complet)",
    r"n['’]t (?:be |been |able to )*(?:deliver|reach|sent|accept|complet)", r"unable to (?:deliver|send)",
    r"cannot (?:be )?(?:deliver|reach|send)",
    r"deliver\w* (?:\w+ ){0,6}(?:fail|abort|delay|error|problem)",
    r"fail\w* (?:\w+ ){0,3}(?:deliver|recipient|address|notice)", r"failure (?:notice|reason)",
    r"return(?:ed|ing) (?:mail|message|to (?:sender|you))",
    r"(?:been|was|were|is) (?:return|reject|refus|bounc)",
    r"non-?deliver", r"no such (?:user|recipient|address|mailbox)", r"user (?:is )?unknown",
    r"unknown user",
    r"address not found", r"message blocked", r"rcpt to:", r"not a member of this mailing list",
    r"(?<![\d.])[45]\d\d[- ]#?[45]\.\d{1,3}\.\d{1,3}",
    # Indonesian: Gmail, Exchange
    r"tidak (?:dapat |bisa |berhasil )?(?:ter|di)?(?:kirim|sampaikan)",
    r"gagal (?:di|ter|me)?(?:kirim|ngirim)",
    r"pengiriman (?:\w+ ){0,6}(?:gagal|kegagalan|tertunda)", r"alamat tidak ditemukan",
    r"belum (?:di|ter)kirim",
    # Japanese, Russian, German, French, Spanish, Portuguese, Chinese
    r"配信でき", r"送信できま", r"届けられま", r"не (?:может|могло|удалось|доставлено)", r"unzustellbar",
    r"nicht (?:zugestellt|zustellbar)", r"non remis", r"no se (?:ha podido|pudo) entregar",
    r"não (?:foi|pôde|pode) (?:ser )?entreg", r"退信", r"无法投递", r"無法傳送",
)  # fmt: skip
DELAY = any_of(
    r"delayed", r"\(delay\)", r"not yet been deliver", r"do not need to resend", r"delivery incomplete",
    r"(?:will|keep|continue) (?:\w+ ){0,5}(?:be retried|retry|try)", r"still (?:trying|being)",
    r"transient non-fatal", r"tertunda", r"akan (?:terus )?mencoba", r"pengiriman tidak selesai",
)  # fmt: skip
GIVEN_UP = any_of(
    r"permanent", r"gave up", r"giv(?:en|ing) up", r"no further", r"not going to try", r"not be retried",
    r"too long", r"fail", r"fatal", r"could not be delivered", r"undeliver", r"tidak terkirim", r"gagal",
)  # fmt: skip
CONFIRMATION = any_of(
    r"requires? (?:a )?confirmation", r"wait-?list", r"guest list", r"challenge[- /]response",
    r"confirm (?:that )?(?:you (?:sent|are)|this (?:mail|message))",
    r"verify that you(?: are|['’]re)",
    r"approved senders? list",
)  # fmt: skip
AWAY = any_of(
    r"out of (?:the )?office", r"auto(?:matic|mated)?[- ]?(?:reply|response|answer)", r"vacation",
    r"on leave",
    r"balasan otomatis", r"jawaban otomatis", r"di luar kantor", r"sedang cuti", r"abwesen",
)  # fmt: skip
# RFC 5429: a filter may refuse by a receipt; Dovecot does so for a full mailbox.
REFUSED_BY_RECEIPT = any_of(r"automatically (?:rejected|refused)", r"over ?quota", r"quota exceeded")
# Lines with addresses that were not written to.
HELP = any_of("contact", "assistance", "please", "help", "hubungi", "bantuan", "https?://", "from:", "sender")

# --- answering programs -----------------------------------------------------------------------------------

# The subject above the one they answer.
ANSWER_SUBJECT = any_of(
    r"auto(?:mated|matic)?[ -]?(?:reply|response|answer)\b", r"auto:", r"out of (?:the )?office\b",
    r"balasan otomatis", r"jawaban otomatis", r"di luar kantor\b",
    r"automat\w{1,20} (?:odpowied\w{1,3}|antwort|antwoord|svar|vastaus)", r"abwesenheit", r"autosvar",
    r"(?:respuesta|resposta|risposta|réponse) autom[aá]ti(?:ca|que)", r"автоответ",
    r"自動(?:返信|応答|回覆)", r"自动(?:回复|答复)", r"자동 ?(?:회신|응답)",
    begins=r"\s*(?:\[[^\]\n]{1,80}\]\s*)?\[?",
)  # fmt: skip
ANSWER_SUBJECT_END = any_of(r"\(automatic response\)\s*$", r"\bis out of the office(?:\.|\s*\(|\s*$)")
# What they say of themselves, at the beginning of a sentence.
SAYS_SO = any_of(
    r"(?:pesan|surel|e-?mail|balasan) ini (?:di\w{1,12}|ter\w{1,12}|merupakan)"
    r"(?: \w{1,20}){0,4} otomatis",
    r"ini (?:adalah |merupakan )?(?:pesan|surel|e-?mail|balasan|jawaban) "
    r"(?:yang di\w{1,12} )?(?:secara )?otomatis",
    r"(?:mohon|harap)(?: untuk)? (?:tidak|jangan) (?:mem)?balas (?:surel|e-?mail|pesan) ini",
    r"(?:surel|e-?mail|pesan) anda (?:telah|sudah) kami terima", r"nomor tiket anda (?:adalah|:)",
    r"this (?:is an? |(?:e-?mail|message|reply) (?:is|was|has been) )(?:\w{1,12} ){0,3}"
    r"automat(?:ed|ically|ic)\b(?! by mail)",
    r"(?:please )?do not (?:reply|respond) to this (?:e-?mail|message)",
    begins=r"(?:^|[.!?*#\n])[\s*#-]{0,8}",
)  # fmt: skip
# Somebody is not there, and what to do meanwhile: only both together read like a notice.
ABSENT = any_of(
    r"sedang (?:\w{1,12} )?(?:cuti|dinas luar|tugas luar|perjalanan dinas|di luar kantor|tidak berada)",
    r"cuti (?:tahunan|melahirkan|besar)", r"tidak (?:sedang )?berada di (?:kantor|tempat)",
    r"di luar kantor",
    r"tidak dapat membalas", r"out of (?:the )?office", r"on (?:\w{1,12} )?(?:leave|vacation|holiday)\b",
    r"away from (?:my|the) (?:desk|office)", r"i(?: am|['’]m| will be) away",
)  # fmt: skip
MEANWHILE = any_of(
    r"(?:setelah|sampai|saat|begitu) (?:saya |kami )?kembali", r"(?:mendesak|darurat)[^.\n]{0,40}hubungi",
    r"hubungi[^.\n]{0,80}\b(?:selama|mendesak)", r"upon my return", r"limited access",
    r"(?:when|until|after) i(?: am|['’]m)? (?:return|back|get back)",
    r"return(?:ing)? (?:to the office )?on\b",
    r"(?:urgent|immediate|emergenc)[^.\n]{0,80}contact",
    r"contact[^.\n]{0,80}(?:urgent|immediate|absence)",
)  # fmt: skip
