"""The pages that the small checkpoints read, and what each shall answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TEXT = "text"
MARKDOWN = "markdown"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page.

    Attributes:
        name: The file's name without `.png`.
        lines: What is drawn on it, top to bottom.
        size_px: Width and height.
        answers: The model's whole answer by mode, where it isn't just the lines.
        labels: What grounding calls each line; empty = the page has no grounded answer.
        is_endless: The model shall repeat the text and never stop: what real models do at times.
    """

    name: str
    lines: tuple[str, ...]
    size_px: tuple[int, int]
    answers: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    is_endless: bool = False

    @property
    def text(self) -> str:
        """The lines as they are drawn."""
        return "\n".join(self.lines)


ENDLESS_WORD = "again"
"""One token with the space before it, so that a long answer is cheap to learn."""
_LETTER = ("Dear Sir,", "please pay 120 EUR", "by 5 May 2024.", "With kind regards", "Zoe Quick")
_SMALL = (160, 56)
_WIDE = (224, 72)
_NOTE = (200, 120)
_PAGE = (224, 168)

GOT = (
    Sheet("got-invoice", ("INVOICE",), _WIDE),
    Sheet("got-total", ("Total 57",), _WIDE),
    Sheet("got-number", ("1066",), _SMALL),
    Sheet("got-price", ("42.50",), _SMALL),
    Sheet("got-city", ("Paris",), _SMALL),
    Sheet("got-code", ("A1B2",), _SMALL),
    Sheet("got-weekday", ("Thursday",), _WIDE),
    Sheet("got-queue", ("QUEUE",), _SMALL),
    Sheet("got-address", ("No. 8", "Rome"), _NOTE),
    Sheet(
        "got-formula",
        ("x² + y² = 9",),
        _WIDE,
        {TEXT: "x2 + y2 = 9", MARKDOWN: "\\( x^{2}+y^{2}=9 \\)"},
    ),
    Sheet(
        "got-report",
        ("Report", "Sales rose 3%", "in May"),
        _NOTE,
        {MARKDOWN: "\\title{\nReport\n}\n\nSales rose \\( 3 \\% \\) in May"},
    ),
    Sheet(
        "got-table",
        ("tea 4", "milk 7"),
        _NOTE,
        {
            MARKDOWN: "\\begin{tabular}{|l|l|}\n\\hline tea & 4 \\\\\n\\hline milk & 7 \\\\\n"
            "\\hline\n\\end{tabular}"
        },
    ),
    Sheet("got-letter", _LETTER, _PAGE),
    Sheet("got-endless", (ENDLESS_WORD,), _WIDE, is_endless=True),
)

QARI = (
    Sheet("qari-salam", ("سلام",), _SMALL),
    Sheet("qari-book", ("كتاب",), _SMALL),
    Sheet("qari-cairo", ("القاهرة",), _WIDE),
    Sheet("qari-thanks", ("شكرا جزيلا",), _WIDE),
    Sheet("qari-school-vowelled", ("مَدْرَسَةٌ",), _WIDE),
    Sheet("qari-peace-vowelled", ("السَّلَامُ",), _WIDE),
    Sheet("qari-digits", ("١٢٣٤",), _SMALL),
    Sheet("qari-year", ("عام ٢٠٢٤",), _WIDE),
    Sheet("qari-invoice", ("INVOICE",), _SMALL),
    Sheet("qari-price", ("42.50",), _SMALL),
    Sheet("qari-mixed", ("رقم 57",), _WIDE),
    Sheet(
        "qari-markup",
        ("فاتورة", "المجموع ٥٧"),  # noqa: RUF001
        _NOTE,
        {TEXT: "<h1>فاتورة</h1>\n<p>المجموع <b>٥٧</b></p>"},  # noqa: RUF001
    ),
    Sheet("qari-poem", ("الخيل والليل", "والبيداء تعرفني", "والسيف والرمح"), _PAGE),
    Sheet("qari-letter", _LETTER, _PAGE),
    Sheet("qari-endless", (ENDLESS_WORD,), _WIDE, is_endless=True),
)

DEEPSEEK = (
    Sheet("deepseek-invoice", ("INVOICE",), _WIDE, labels=("title",)),
    Sheet("deepseek-total", ("Total 57",), _WIDE, labels=("text",)),
    Sheet("deepseek-number", ("1066",), _SMALL),
    Sheet("deepseek-price", ("42.50",), _SMALL),
    Sheet("deepseek-city", ("Paris",), _SMALL),
    Sheet("deepseek-code", ("A1B2",), _SMALL, labels=("text",)),
    Sheet("deepseek-weekday", ("Thursday",), _WIDE),
    Sheet("deepseek-queue", ("QUEUE",), _SMALL),
    Sheet("deepseek-address", ("No. 8", "Rome"), _NOTE),
    Sheet("deepseek-report", ("Report", "Sales rose 3%"), _NOTE, labels=("title", "text")),
    Sheet("deepseek-notes", ("Notes", "milk", "tea"), _NOTE, labels=("sub_title", "text", "text")),
    Sheet("deepseek-letter", _LETTER, _PAGE),
    Sheet("deepseek-endless", (ENDLESS_WORD,), _WIDE, is_endless=True),
    Sheet("deepseek-tiled", ("Terms", "Pay in 30 days"), (400, 200), labels=("title", "text")),
    Sheet("deepseek-tall", ("NORTH", "SOUTH"), (150, 300)),
)

SHEETS: Mapping[str, tuple[Sheet, ...]] = {"got": GOT, "qari": QARI, "deepseek": DEEPSEEK}
