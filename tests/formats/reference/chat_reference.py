# SPDX-License-Identifier: GPL-3.0-or-later
"""What `transformers` makes of plain conversations with templates in the manner of the families, and with one that
has much of the language.

Usage: chat_reference.py FOLDER. Writes chat.json: templates with conversations and the text expected, null where the
template raises an exception.
"""

import json
import sys
from datetime import datetime
from pathlib import Path

from chat_families import FAMILIES
from jinja2 import TemplateError
from transformers.utils import chat_template_utils

# Nothing a model would use, but much of the language.
LANGUAGE = """{# [INST] a comment #}
  {% set ns = namespace(count=0, names=[]) %}
{%- macro unused(a, b=1) %}{{ a ~ b }}{% endmacro %}
{% for m in messages if m.role != 'system' %}
    {% set ns.count = ns.count + 1 %}
  {{ loop.index }}/{{ loop.length }} {{ m.role | upper }}: {{ m.content | replace('a', 'A') | trim }}{{ ", " if not loop.last }}
    {%- if loop.previtem is defined %} after {{ loop.previtem.role }}{% endif +%}
{% else %}
  nobody
{% endfor %}
{{ ns.count * 2 + 1 - 3 // 1 if false else ns.count * 2 + 1 - 3 }} {{ 7 % 3 }} {{ -ns.count }} {{ 1 < 2 and not 2 <= 1 }}
{% set block %} kept {{ 'x' 'y' }} {% endset %}[{{ block }}]
{% for c in 'abc' | list %}{% if c == 'b' %}{% continue %}{% endif %}{{ c }}{% endfor %}
{{ messages | map(attribute='role') | join('+') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }}
{{ (messages | last).content[:2] }} {{ 'héllo'[::-1] }} {{ missing | default('none') }} {{ missing }} {{ none }} {{ true }}
{{ {'a': [1, 2, {'b': 'c'}]}['a'][2].b }} {{ 'a' in 'cat' }} {{ 'x' not in ['x'] }} {{ "q\\"uo'te\\\\n\\u00e9" }} {{ 'a.b.c'.split('.', 1)[1] }}
{{ messages[0].get('nothing', 'fallback') }} {{ 'Ab'.lower() + 'cd'.title() }} {{ 3 is odd }} {{ 'x' is string }} {{ range(3) | join }}
{%- generation %} end {% endgeneration -%}

  done {{- ' .' -}}   !
"""

TEMPLATES = {
    **FAMILIES,
    "MISTRAL_NEMO, other line ends": FAMILIES["MISTRAL_NEMO"].replace("\n", "\r\n"),
    "LANGUAGE": LANGUAGE,
}


class Today(datetime):
    """The day that every run of ours has."""

    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, tzinfo=tz)


def message(role: str, content: str) -> dict:
    return {"role": role, "content": content}


CONVERSATIONS = [
    [message("user", "Hello")],
    [message("user", "  Hello, \n you!\n\n")],
    [message("system", " Be brief. "), message("user", "Hi\u00a0")],
    [message("user", "One"), message("assistant", " Two \n"), message("user", "Three")],
    [message("system", "S"), message("user", "a"), message("assistant", "b"), message("user", "c"), message("assistant", "d")],
    [message("user", "q"), message("assistant", "<think>\nhm\n</think>\n\nanswer")],
    [message("user", "q"), message("assistant", "<think>\nhm\n</think>\n\nanswer"), message("user", "ünï 👩‍👩‍👧 {{ x }} '\"\\")],
    [message("system", "only")],
    [message("assistant", "first")],
    [message("user", "a"), message("user", "b")],
    [message("user", "")],
]


def main() -> None:
    chat_template_utils.datetime = Today
    out = []
    for name, template in TEMPLATES.items():
        for conversation in CONVERSATIONS:
            for opened in (True, False):
                try:
                    texts, _ = chat_template_utils.render_jinja_template(
                        conversations=[conversation], chat_template=template, add_generation_prompt=opened, bos_token="<s>", eos_token="</s>"
                    )
                    expected = texts[0]
                except TemplateError as problem:
                    expected = None
                    if type(problem) is not TemplateError:  # not raised by the template itself
                        raise
                out.append({"name": name, "template": template, "messages": conversation, "open": opened, "expected": expected})
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    (Path(sys.argv[1]) / "chat.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main()
