# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates in the manner of the families: what they ask of the language, tools, thinking and content in parts included.

Written for these tests, from what each family's template has to do; none is a family's own.
"""

# A setting that may be missing, and one line.
CHATML = (
    "{% set opens = add_generation_prompt is defined and add_generation_prompt %}"
    "{% for turn in messages %}{{ '<|im_start|>' ~ turn.role ~ '\\n' ~ turn['content'] ~ '<|im_end|>\\n' }}{% endfor %}"
    "{{ '<|im_start|>assistant\\n' if opens }}"
)

# A system message where there is none, written at the first turn; line ends inside texts.
SMOLLM2 = """{% for turn in messages %}{% if loop.first %}{% if turn['role'] != 'system' %}{{ '<|im_start|>system
Small and quick.<|im_end|>
' }}{% endif %}{% endif %}<|im_start|>{{ turn['role'] + '
' + turn['content'] }}<|im_end|>{{ '
' }}{% endfor %}{% if add_generation_prompt is true %}<|im_start|>assistant{{ '
' }}{% endif %}"""

# Tags on lines of their own, without signs: trimmed blocks alone keep the text together.
ZEPHYR = """{% set marks = {'user': '<|user|>', 'system': '<|system|>', 'assistant': '<|assistant|>'} %}
  {% for turn in messages %}
    {% if turn['role'] in marks %}
{{ marks[turn['role']] }}
{{ turn['content'] + eos_token }}
    {% endif %}
    {% if add_generation_prompt and loop.revindex == 1 %}
{{ marks['assistant'] }}
    {% endif %}
  {% endfor %}"""

# Tools as JSON, calls and answers in runs, thoughts cut out of what came before the last question.
QWEN3 = """{%- macro open(role) %}{{ '<|im_start|>' ~ role ~ '\\n' }}{% endmacro -%}
{%- set close = '<|im_end|>\\n' -%}
{%- set begins = messages | length > 0 and messages[0].role == 'system' -%}
{%- if begins or tools %}
    {{- open('system') ~ (messages[0].content if begins else '') }}
    {%- if tools %}
        {{- '\\n\\n' if begins }}{{ '# What can be called\\n<tools>' }}
        {%- for tool in tools %}{{ '\\n' ~ (tool | tojson) }}{% endfor %}
        {{- '\\n</tools>\\nAs {\\"name\\": …, \\"arguments\\": {…}}' }}
    {%- endif %}
    {{- close }}
{%- endif %}
{%- set last = namespace(question=-1, found=false) %}
{%- for turn in messages[::-1] if not last.found and turn.role == 'user' and turn.content is string %}
    {%- if not (turn.content.startswith('<tool_response>') and turn.content.endswith('</tool_response>')) %}
        {%- set last.found = true %}
        {%- for other in messages %}{% if other is sameas turn %}{% set last.question = loop.index0 %}{% endif %}{% endfor %}
    {%- endif %}
{%- endfor %}
{%- for turn in messages %}
    {%- set said = turn.content if turn.content is string else '' %}
    {%- if turn.role == 'tool' %}
        {%- set before, after = messages[loop.index0 - 1], messages[loop.index0 + 1] %}
        {{- open('user').rstrip() if loop.first or before.role != 'tool' }}
        {{- '\\n<tool_response>\\n' ~ said ~ '\\n</tool_response>' }}
        {{- close if loop.last or after.role != 'tool' }}
    {%- elif turn.role == 'assistant' %}
        {%- set thought = '' %}
        {%- if turn.reasoning_content is string %}
            {%- set thought = turn.reasoning_content %}
        {%- elif '</think>' in said %}
            {%- set halves = said.split('</think>') %}
            {%- set thought = (halves[0].rstrip('\\n').split('<think>') | last).lstrip('\\n') %}
            {%- set said = halves[-1].lstrip('\\n') %}
        {%- endif %}
        {{- open(turn.role) }}
        {%- if loop.index0 > last.question and (thought or loop.last) %}
            {{- '<think>\\n' ~ thought.strip('\\n') ~ '\\n</think>\\n\\n' ~ said.lstrip('\\n') }}
        {%- else %}
            {{- said }}
        {%- endif %}
        {%- for call in turn.tool_calls or [] %}
            {{- '\\n' if said or not loop.first }}
            {%- if call.function %}{% set call = call.function %}{% endif %}
            {%- set given = call.arguments %}
            {{- '<tool_call>\\n{"name": "' ~ call.name ~ '", "arguments": ' ~ (given if given is string else given | tojson) ~ '}\\n</tool_call>' }}
        {%- endfor %}
        {{- close }}
    {%- elif turn.role == 'user' or (turn.role == 'system' and loop.index > 1) %}
        {{- open(turn.role) ~ said ~ close }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- open('assistant') }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}"""

# The whole text kept in a variable, BOS where it begins.
LLAMA3 = (
    "{% for turn in messages %}{% set text %}<|start_header_id|>{{ turn['role'] }}<|end_header_id|>\n\n"
    "{{ turn['content'] | trim }}<|eot_id|>{% endset %}{% if loop.first %}{% set text = bos_token + text %}{% endif %}{{ text }}{% endfor %}"
    "{% if add_generation_prompt %}{{ ['<|start_header_id|>', 'assistant', '<|end_header_id|>', '\\n\\n'] | join }}{% endif %}"
)

# Settings with defaults, the day, the tools that are built in, one call a turn; `messages` and `tools` set anew.
LLAMA31 = """{#- Settings first. -#}
{%- set tools = custom_tools if custom_tools is defined else tools -%}
{%- if tools is not defined or not tools %}{% set tools = none %}{% endif -%}
{%- set among_users = tools_in_user_message | default(true) -%}
{%- if date_string is not defined %}
    {%- if strftime_now is not defined %}{% set date_string = '26 Jul 2024' %}{% else %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}
{%- endif -%}
{%- macro header(role) %}{{ '<|start_header_id|>' + role + '<|end_header_id|>\\n\\n' }}{% endmacro -%}
{%- set instructions = '' -%}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set instructions = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- endif -%}

{{- bos_token + header('system') -}}
{%- if not (builtin_tools is undefined and tools is none) %}{{ 'A shell is at hand.\\n' }}{% endif -%}
{%- if builtin_tools is defined %}{{ 'Built in: ' + builtin_tools | reject('equalto', 'code_interpreter') | join(', ') + '.\\n' }}{% endif %}
{{- 'It is the ' + date_string + '.\\n\\n' + instructions + '<|eot_id|>' -}}

{%- if tools is not none and among_users %}
    {%- if messages | length == 0 %}{{ raise_exception('Tools need a user.') }}{% endif %}
    {{- header('user') }}
    {%- for tool in tools %}
        {{- tool | tojson(indent=4) + '\\n\\n' }}
    {%- endfor %}
    {{- messages[0]['content'] | trim + '<|eot_id|>' }}
    {%- set messages = messages[1:] %}
{%- endif -%}
{%- for turn in messages %}
    {%- if 'tool_calls' in turn %}
        {%- if turn.tool_calls | length != 1 %}{{ raise_exception('A turn has one call.') }}{% endif %}
        {%- set called = turn.tool_calls[0].function %}
        {{- header('assistant') }}
        {%- if builtin_tools is defined and called.name in builtin_tools %}
            {{- '<|python_tag|>' + called.name + '(' }}
            {%- for key, value in called.arguments | items %}
                {{- key + '="' + value + '"' + ('' if loop.last else ', ') }}
            {%- endfor %}
            {{- ')' }}
        {%- else %}
            {{- '{"name": "%s", "parameters": %s}' % (called.name, called.arguments | tojson) }}
        {%- endif %}
    {%- elif turn.role in ['tool', 'ipython'] %}
        {{- header('ipython') }}
        {{- turn.content | tojson if turn.content is mapping or (turn.content is iterable and turn.content is not string) else turn.content }}
    {%- else %}
        {{- header(turn['role']) + turn['content'] | trim }}
    {%- endif %}
    {{- '<|eot_id|>' }}
{%- endfor %}
{{- header('assistant') if add_generation_prompt }}
"""

# The system message folded into the first question, strip() as a method, one text of three kinds.
LLAMA2 = (
    "{% set system = namespace(text=false) %}{% for turn in messages %}"
    "{% if loop.first and turn['role'] == 'system' %}{% set system.text = turn['content'] %}{% continue %}{% endif %}"
    "{% if turn['role'] == 'user' %}{% set asked = turn['content'] %}"
    "{% if system.text != false %}{% set asked = '<<SYS>>\\n' ~ system.text ~ '\\n<</SYS>>\\n\\n' ~ asked %}{% set system.text = false %}{% endif %}"
    "{{ bos_token + '[INST] ' + asked.strip() + ' [/INST]' }}"
    "{% elif turn['role'] == 'assistant' %}{{ ' %s %s' | format(turn['content'].strip(), eos_token) }}"
    "{% else %}{{ raise_exception('Who is ' ~ turn['role'] ~ '?') }}{% endif %}{% endfor %}"
)

# Strict turns.
MISTRAL1 = (
    "{{ bos_token }}{% for turn in messages %}{% set due = 'user' if loop.index is odd else 'assistant' %}"
    "{% if turn['role'] != due %}{{ raise_exception('Turns must alternate; ' + due + ' is next.') }}{% endif %}"
    "{{ '[INST] ' + turn['content'] + ' [/INST]' if due == 'user' else turn['content'] + eos_token + ' ' }}{% endfor %}"
)

# Filters in rows, a mapping's items with a condition, slices of JSON, ids with a fixed length.
MISTRAL_NEMO = """{%- set talk = messages[1:] if messages and messages[0]["role"] == "system" else messages %}
{%- set asked = talk | selectattr("role", "equalto", "user") | list %}
{%- set tools = tools | default(none) %}
{%- for turn in talk | rejectattr("role", "in", ["tool", "tool_results"]) | selectattr("tool_calls", "undefined") %}
    {%- if (loop.index0 % 2 == 0) != (turn["role"] == "user") %}{{ raise_exception("Turns must alternate.") }}{% endif %}
{%- endfor %}
{{- bos_token }}
{%- for turn in talk %}
    {%- set role = turn["role"] %}
    {%- if role in ("tool", "tool_results") %}
        {%- set result = turn.content.content if turn.content is defined and turn.content.content is defined else turn.content %}
        {{- '[TOOL_RESULTS]{"content": ' + result | string + ', "call_id": "' + turn.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- elif turn.tool_calls is defined and turn.tool_calls is not none %}
        {{- "[TOOL_CALLS][" }}
        {%- for call in turn.tool_calls %}
            {%- if call.id is not defined or call.id | length != 9 %}{{ raise_exception("An id has nine characters.") }}{% endif %}
            {{- (call.function | tojson)[:-1] + ', "id": "' + call.id + '"}' + ("]" + eos_token if loop.last else ", ") }}
        {%- endfor %}
    {%- elif role == "user" %}
        {%- if asked[-1] == turn and tools is not none %}
            {{- "[AVAILABLE_TOOLS][" }}
            {%- for tool in tools | map(attribute="function") %}
                {{- '{"type": "function", "function": {' }}
                {%- for name, value in tool.items() if name != "return" %}
                    {{- '"' + name + '": ' + ('"' + value + '"' if value is string else value | tojson) }}
                    {{- ", " if not loop.last }}
                {%- endfor %}
                {{- "}}" + ("]" if loop.last else ", ") }}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {{- "[INST]" }}
        {%- if loop.last and talk != messages %}{{ messages[0]["content"] + "\\n\\n" }}{% endif %}
        {{- turn["content"] + "[/INST]" }}
    {%- elif role == "assistant" %}
        {{- turn["content"] + eos_token }}
    {%- else %}
        {{- raise_exception("Nobody is called " ~ role) }}
    {%- endif %}
{%- endfor %}
"""

# No system role at all.
GEMMA2 = (
    "{% if (messages | first | default({})).role == 'system' %}{{ raise_exception('There is no system role.') }}{% endif %}{{ bos_token }}"
    "{% for turn in messages %}{% if loop.previtem is defined and loop.previtem['role'] == turn['role'] or loop.first and turn['role'] != 'user' %}"
    "{{ raise_exception('Turns must alternate.') }}{% endif %}"
    "<start_of_turn>{{ {'assistant': 'model'}.get(turn['role'], turn['role']) }}\n{{ turn['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)

# Content in parts, signs on both sides of every tag, line ends inside texts.
GEMMA3 = """{%- macro written(content) -%}
    {%- if content is not string and content is not iterable -%}{{ raise_exception("Neither text nor parts") }}{%- endif -%}
    {%- for part in ([{"type": "text", "text": content}] if content is string else content) -%}
        {%- if part["type"] == "text" -%}{{ part["text"] | trim }}
        {%- elif part["type"] == "image" -%}{{ "<start_of_image>" }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro -%}
{{ bos_token -}}
{%- set prefix, talk = "", messages -%}
{%- if messages | length and messages[0]["role"] == "system" -%}
    {%- set content = messages[0]["content"] -%}
    {%- set prefix = (content if content is string else content[0]["text"]) ~ "

" -%}
    {%- set talk = messages[1:] -%}
{%- endif -%}
{%- for turn in talk -%}
    {%- set expected = loop.cycle("user", "assistant") -%}
    {%- if turn["role"] == "user" and expected != "user" or turn["role"] != "user" and expected == "user" -%}
        {{ raise_exception("Not the turn of " ~ turn["role"]) }}
    {%- endif -%}
    {{ "<start_of_turn>" ~ ("model" if turn["role"] == "assistant" else turn["role"]) ~ "
" }}
    {%- if loop.first -%}{{ prefix }}{%- endif -%}
    {{ written(turn["content"]) }}{{ "<end_of_turn>
" }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ "<start_of_turn>model
" -}}{%- endif -%}
"""

# An empty system message counts as none; EOS closes what is not to be continued.
PHI3 = (
    "{% for turn in messages if turn['role'] in ('system', 'user', 'assistant') and (turn['content'] or turn['role'] != 'system') %}"
    "{{ '<|%s|>\\n%s<|end|>\\n' % (turn['role'], turn['content']) }}{% endfor %}"
    "{{ '<|assistant|>\\n' if add_generation_prompt else eos_token }}"
)

# Tools that a message brings along.
PHI4_MINI = (
    "{% for turn in messages %}<|{{ turn['role'] }}|>{{ turn['content'] }}"
    "{% if turn['role'] == 'system' and 'tools' in turn and turn['tools'] is not none %}<|tool|>{{ turn['tools'] }}<|/tool|>{% endif %}<|end|>"
    "{% endfor %}{% if not add_generation_prompt %}{{ eos_token }}{% else %}{{ '<|assistant|>' }}{% endif %}"
)

# State in a namespace across turns; calls, their results, and the answer that closes them.
DEEPSEEK = (
    "{%- set state = namespace(calls=0, results=0, system='') -%}"
    "{%- for turn in messages | selectattr('role', 'eq', 'system') -%}{%- set state.system = state.system ~ turn['content'] -%}{%- endfor -%}"
    "{{ bos_token ~ state.system }}"
    "{%- for turn in messages -%}{%- set role, content = turn['role'], turn['content'] -%}"
    "{%- if role == 'user' -%}{%- set state.results = 0 -%}{{ '<｜User｜>' ~ content }}"
    "{%- elif role == 'tool' -%}{{ '<｜results｜>' if state.results == 0 else '\\n' }}{{ content }}{%- set state.results = state.results + 1 -%}"
    "{%- elif role == 'assistant' and content is none -%}"
    "{%- for call in turn['tool_calls'] -%}{%- set state.calls = state.calls + 1 -%}{%- set state.results = 0 -%}"
    "{{ '<｜Assistant｜>' if loop.first else '\\n' }}{{ call['type'] + '<｜sep｜>' + call['function']['name'] }}"
    "{{ '\\n```json\\n' + call['function']['arguments'] | tojson + '\\n```' }}{%- endfor -%}"
    "{%- elif role == 'assistant' -%}{{ '<｜results-end｜>' if state.results else '<｜Assistant｜>' }}"
    "{{ (content.split('</think>') | last if '</think>' in content else content) + '<｜end｜>' }}{%- set state.results = 0 -%}"
    "{%- endif -%}{%- endfor -%}"
    "{% if state.results %}{{ '<｜results-end｜>' }}{% elif add_generation_prompt is defined and add_generation_prompt %}"
    "{{ '<｜Assistant｜><think>\\n' }}{% endif %}"
)

# A macro that calls itself over a schema; the turns before and after.
HERMES = """{%- set simple = {"boolean": "bool", "integer": "int", "string": "str", "number": "float"} %}
{%- macro python(schema) %}
{%- set kind = schema.type %}
{%- if kind is string and kind in simple %}{{ simple[kind] }}
{%- elif kind == "array" %}{{ "list[" ~ python(schema["items"]) ~ "]" }}
{%- elif kind == "object" %}{{ "dict" ~ ("[str, " ~ python(schema.additionalProperties) ~ "]" if schema.additionalProperties is defined else "") }}
{%- elif kind is iterable %}
{%- set names = namespace(all=[]) %}
{%- for one in kind %}{% set names.all = names.all + [python({"type": one})] %}{% endfor %}
{{- "Union[" ~ names.all | join(",") ~ "]" }}
{%- else %}{{ "Any" }}
{%- endif %}
{%- endmacro %}
{{- bos_token + '<|im_start|>system
' }}
{%- for tool in tools or [] %}
{%- set made = tool.function if tool.function is defined else tool %}
{%- set given = made.parameters.properties %}
{{- '{"type": "function", "function": {"name": "' ~ made.name ~ '", "description": "' ~ made.name ~ "(" }}
{%- for name, schema in given | items %}
{{- ("" if loop.first else ", ") ~ name ~ ": " ~ python(schema) }}
{%- endfor %}
{{- ")" ~ (" -> " ~ python(made.return) if made.return is defined else "") ~ " - " ~ made.description ~ "\\n\\n" }}
{%- for name, schema in given | items %}
{%- if loop.first %}{{ "    Takes:\\n" }}{% endif %}
{{- "        " + name + "(" + python(schema) + "): " + schema.description | default('') | trim }}
{%- endfor %}
{{- '", "parameters": ' + ('{}' if given | length == 0 else made.parameters | tojson) + '}' }}
{{- "\\n" if not loop.last }}
{%- endfor %}
{{- '<|im_end|>
' }}
{%- for turn in messages %}
{%- if turn.role == "tool" %}
{%- if loop.previtem and loop.previtem.role != "tool" %}{{ '<|im_start|>tool
' }}{% endif %}
{{- '<tool_response>
' + turn.content + '
</tool_response>' }}
{{- '
' if not loop.last }}
{%- if loop.nextitem is not defined or loop.nextitem.role != "tool" %}{{ '<|im_end|>' }}{% endif %}
{%- elif turn.role == "assistant" and turn.tool_calls is defined %}
{{- '<|im_start|>assistant' }}
{%- for call in turn.tool_calls %}
{%- set call = call.function if call.function is defined else call %}
{{- '
<tool_call>
{"name": "' + call.name + '", "arguments": ' + call.arguments | tojson + '}
</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>
' }}
{%- elif turn.role in ("user", "system", "assistant") %}
{{- '<|im_start|>' + turn.role + '
' + turn.content | string + '<|im_end|>
' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}
"""

# Documents with whatever keys they have.
COMMAND_R = (
    "{{ bos_token }}{% set system = false %}{% set talk = messages %}"
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set talk = talk[1:] %}{% endif %}"
    "{% if system is not false %}{{ '<|START|><|SYSTEM|>' + system + '<|END|>' }}{% endif %}"
    "{% for document in documents or () %}{{ '\\nNumber ' ~ loop.index0 }}\n{% for key, value in document.items() %}{{ key }} is {{ value }}\n{% endfor %}{% endfor %}"
    "{% for turn in talk %}{% set who = {'user': '<|USER|>', 'assistant': '<|BOT|>'}[turn['role']] %}"
    "{% if who %}{{ '<|START|>' + who + turn['content'].strip() + '<|END|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|START|><|BOT|>' }}{% endif %}"
)

# A system message put together from what is there; controls in the header of the answer; lines that begin with a space.
GRANITE = """{%- macro turn(role, text) %}{{ '<|start_of_role|>' + role + '<|end_of_role|>' + text + '<|end_of_text|>\\n' }}{% endmacro %}
 {%- set own = messages and messages[0]['role'] == 'system' %}
 {%- if own %}
     {%- set system = messages[0]['content'] %}
 {%- else %}
     {%- set at_hand = [] %}
     {%- if tools %}{% set at_hand = at_hand + ['tools'] %}{% endif %}
     {%- if documents %}{% set at_hand = at_hand + ['documents'] %}{% endif %}
     {%- set system = strftime_now('%B %d, %Y') + ': ' + (at_hand | join(' and ') or ('thought' if thinking else 'nothing')) + '.' %}
     {%- if documents and 'citations' in controls %}{% set system = system + '\\n\\nSay where it stands.' %}{% endif %}
 {%- endif %}
 {{- turn('system', system) }}
 {%- if tools %}
     {{- turn('tools', tools | tojson(indent=4)) }}
 {%- endif %}
 {%- if documents %}
     {%- set pages %}
         {%- for document in documents %}
             {{- 'Page ' + loop.index0 | string + '\\n' + document['text'] }}
             {{- '\\n\\n' if not loop.last }}
         {%- endfor %}
     {%- endset %}
     {{- turn('documents', pages) }}
 {%- endif %}
 {%- for said in messages[own | int:] %}
     {{- turn(said['role'], said['content'] | string) }}
     {%- if add_generation_prompt and loop.last %}
         {{- '<|start_of_role|>assistant' ~ (' ' ~ controls | tojson() if controls else '') ~ '<|end_of_role|>' }}
     {%- endif %}
 {%- endfor %}"""

# Line ends within the tags' own texts; the last answer without one.
OLMO2 = (
    "{{ bos_token }}{% for turn in messages %}{% if turn['role'] != 'tool' %}{{ '<|' + turn['role'] + '|>\n' + turn['content'] }}"
    "{% if turn['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' if turn['role'] != 'assistant' or not loop.last }}{% endif %}"
    "{% if add_generation_prompt and loop.last %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}"
)

# A switch in the system message, {% generation %}, tools as Python prints them.
SMOLLM3 = """{#- The switch: a setting, unless the system message says otherwise. -#}
{%- set thinks = enable_thinking | default(true) -%}
{%- set own = "" -%}
{%- if messages and messages[0].role == "system" -%}
  {%- set own = messages[0].content -%}
  {%- if "/no_think" in own -%}{%- set thinks = false -%}
  {%- elif "/think" in own -%}{%- set thinks = true -%}{%- endif -%}
  {%- set own = (own.split("/no_think") | join).replace("/think", "").rstrip() -%}
{%- endif -%}
{%- set empty = "" if thinks else "<think>\\n\\n</think>\\n" -%}
<|im_start|>system{{ "\\n" ~ strftime_now("%d %B %Y") ~ ("; thinking" if thinks else "; not thinking") ~ "\\n\\n" }}
{%- if own -%}{{ own ~ "\\n\\n" }}{%- endif -%}
{%- if tools or xml_tools or python_tools -%}
  {%- set shown = namespace(text="") -%}
  {%- for tool in tools[:] -%}{%- set shown.text = shown.text ~ tool | string ~ "\\n" -%}{%- endfor -%}
  {{ "<tools>\\n" + shown.text + "</tools>\\n" -}}
{%- endif -%}
<|im_end|>{{ "\\n" -}}
{%- for turn in messages if turn.role != "system" -%}
    {%- set text = turn.content if turn.content is string else "" -%}
    {%- if turn.role != "assistant" -%}
        {{ "<|im_start|>user\\n" + text + "<|im_end|>\\n" }}
    {%- else -%}
        {{ "<|im_start|>assistant\\n" -}}
        {% generation %}{{ empty + text.lstrip("\\n") + "<|im_end|>" }}{% endgeneration %}
        {{- "\\n" }}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ "<|im_start|>assistant\\n" + empty }}{%- endif -%}"""

FAMILIES = {name: text for name, text in globals().items() if name.isupper() and isinstance(text, str)}
