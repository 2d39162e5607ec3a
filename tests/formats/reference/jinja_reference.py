# SPDX-License-Identifier: GPL-3.0-or-later
"""What `transformers` makes of constructed templates, feature by feature, and of templates in the manner of the families.

Usage: jinja_reference.py FOLDER. Writes jinja.json: templates with their variables and the text expected, null where jinja2
refuses the template or raises an exception.
"""

import json
import re
import sys
from datetime import datetime
from pathlib import Path

from chat_families import FAMILIES
from transformers.utils import chat_template_utils

VARIABLES = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": " Hi  there "},
        {
            "role": "assistant",
            "content": "Yes",
            "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"a": 1, "b": [1.5, None, True]}}}],
        },
    ],
    "n": 3,
    "x": 2.5,
    "s": "Hello World",
    "l": [3, 1, 2],
    "d": {"b": 1, "a": "two", "C": [1]},
    "e": {},
    "none": None,
    "t": True,
    "u": "größe ŉ ﬁ Σας ΑΣ ǆ",
    "nested": [{"v": 1, "k": {"z": "a"}}, {"v": 3, "k": {"z": "B"}}, {"v": 2, "k": {"z": "c"}}, {"v": 1, "k": {"z": "b"}}],
    "html": "<b>&\"'x</b>",
    "multi": "a\nb\n\nc\r\nd",
}

# Each is printed: "{{ ... }}".
EXPRESSIONS = {
    "numbers": [
        "1+2*3", "2**3**2", "-2**2", "7//2", "-7//2", "7%-3", "-7%3", "7.5//2", "-7.5%2", "1/3", "2**-1", "2**0.5", "1e20", "1e16", "123456789.123",
        "1e-5", "0.0001", "1.0", "-0.0", "1_000", "0x1f", "0b101", "0o17", "1e3", "1.5e-7", "5%0", "5/0", "5//0", "-9223372036854775807-1",
    ],
    "texts and lists by operators": [
        "'a'~1~none~true~1.0~[1]", "'a'*3", "[1]*2", "(1,)*2", "3*'ab'", "'x'*-1", "'a'+1", "[1]+[2]", "(1,)+(2,)", "[1]+(2,)", "'a'-'b'",
    ],
    "comparisons": [
        "1<2<3", "1<3<2", "1==1.0", "true==1", "'a'<'b'", "'a'<1", "[1,2]<[1,3]", "(1,2)==[1,2]", "none==false", "none<1", "1 in [1,2]",
        "'a' in 'cat'", "1 in 'abc'", "'x' not in ['x']", "'a' in d", "'zz' in d", "1 in 5", "'x' in undefined_name", "[1] in [[1]]",
        "'b' in d.keys()", "('b',1) in d.items()",
    ],
    "conditions": [
        "not true", "not 0", "not ''", "1 and 0", "0 or 'x'", "1 and 2", "none or 3", "not 1==2", "not not 3", "1 if true", "1 if false",
        "(1 if false)", "1 if false else 2", "'a' if 0 else 'b' if 0 else 'c'",
    ],
    "subscripts and slices": [
        "[1,2,3][0]", "[1,2,3][-1]", "[1,2,3][5]", "[1,2,3][1:]", "[1,2,3][::-1]", "[1,2,3][::2]", "[1,2,3,4][-3:-1]", "'hello'[1]", "'hello'[1:3]",
        "'hello'[::-1]", "'héllo'[1:]", "(1,2)[0]", "[1,2][::0]", "[1,2]['a']", "{'a':1}['b']", "{'a':1}.a", "{1:2}[1]", "{1:2}[1.0]", "{1:2}[true]",
        "{'a':1}.items()", "{'a':1}['items']", "{'items':1}.items", "{'items':1}['items']", "s.0", "l.0", "l[true]", "s['upper']()", "d[[1]]",
        "l[none]", "l[1.0]", "range(5)[1:3]", "range(5)[-1]", "range(10)[::2]", "range(0)",
    ],
    "literals": [
        "[1,2,]", "(1,)", "()", "{}", "[]", "{'a':1,}", "(1)", "(1,2)", "1,2", "{1:2,'a':[1,(2,3)],none:true}", "{'a':1,'a':2}",
        "[none,true,1.0,'x']", "['it\\'s',\"q\\\"\",\"both'\\\"\"]", "['\\n\\t\\\\\\x00\\x7f\\xa0é漢\\u200b😀']", "'\\x41\\u0042\\103\\0'", "'\\q'",
        "'a' 'b'",
    ],
    "ranges": [
        "range(3)", "range(1,4)", "range(5,0,-2)", "range(3)|list", "range(0,10,3)|list", "range(3)==range(0,3)", "range(3)|length", "3 in range(5)",
        "range(1,2,0)", "range('a')", "range(1.0)", "range(200000)", "range(true)|list",
    ],
    "mappings and namespaces": [
        "dict(a=1)", "dict([('a',1)])", "dict({'a':1},b=2)", "dict(1)", "dict.fromkeys([1,2])", "dict.fromkeys('ab',0)", "dict([[1,2]])",
        "namespace(a=1)", "namespace(a=1).a", "namespace({'a':1}).a", "namespace(_a=1)", "namespace(a=1)['a']", "namespace().b",
    ],
    "case": [
        "s|upper", "s|lower", "s|title", "s|capitalize", "u|upper", "u|lower", "u|title", "u|capitalize", "u.title()", "u.swapcase()",
        "u.casefold()", "u.upper()", "s.center(20)", "s.center(21,'*')", "s|center(20)", "s|center", "s.ljust(15,'.')", "s.rjust(15)", "s.zfill(15)",
        "'-5'.zfill(5)", "'+5'.zfill(4)", "'a'.center(4,'xy')",
    ],
    "splitting": [
        "' a b '.split()", "'a,b,c'.split(',')", "'a,b,c'.split(',',1)", "'a,b,c'.rsplit(',',1)", "' a  b c '.split(none,1)",
        "' a  b c '.rsplit(none,1)", "'a b'.split(' ')", "''.split()", "''.split(',')", "'abc'.split('')", "'a,b'.split(sep=',')",
        "'a,b,c'.split(maxsplit=1,sep=',')", "multi.splitlines()", "multi.splitlines(true)", "'a\\x0bb\\x1cc\\u2028d'.splitlines()",
    ],
    "stripping, searching, replacing": [
        "'  x '.strip()", "'xxaxx'.strip('x')", "'xyaxy'.lstrip('xy')", "'xyaxy'.rstrip('yx')", "'a'.strip(none)", "'\\xa0a\\u2003'.strip()",
        "'abc'.startswith('a')", "'abc'.startswith(('x','a'))", "'abc'.endswith('bc',1)", "'abc'.startswith('b',1)", "'abc'.startswith(['a'])",
        "'abc'.startswith('')", "'abc'.startswith('',5)", "'abcabc'.replace('a','x')", "'abcabc'.replace('a','x',1)", "'abc'.replace('','-')",
        "'abc'.replace('','-',2)", "s|replace('o','0')", "s|replace('o','0',1)", "1234|replace('2','x')", "'abc'.find('c')", "'abc'.find('z')",
        "'abcabc'.rfind('b')", "'abc'.index('z')", "'héh'.find('h',1)", "'aaa'.count('a')", "'aaa'.count('aa')", "'abc'.count('')",
        "'-'.join(['a','b'])", "'-'.join([1])", "'-'.join('abc')", "'abc'.partition('b')", "'abc'.partition('z')", "'abcb'.rpartition('b')",
        "'abc'.rpartition('z')", "'abc'.removeprefix('a')", "'abc'.removesuffix('c')", "'abc'.removesuffix('')", "'a\\tb'.expandtabs()",
        "'a\\tb'.expandtabs(4)", "'a\\tb'.expandtabs(tabsize=2)",
    ],
    "what texts are": [
        "'12'.isdigit()", "'²'.isdigit()", "'²'.isdecimal()", "'½'.isnumeric()", "'一'.isnumeric()", "'ab1'.isalnum()", "'ab'.isalpha()",
        "''.isalpha()", "'Ab'.istitle()", "'Ab Cd'.istitle()", "'AB'.isupper()", "'ab1'.islower()", "' \\t'.isspace()", "'ab'.isascii()",
        "'é'.isascii()", "'a_1'.isidentifier()", "'1a'.isidentifier()", "'ab\\n'.isprintable()",
    ],
    "str.format": [
        "'{} {}'.format(1,'a')", "'{1} {0}'.format(1,2)", "'{a}'.format(a=1)", "'{a.b} {a[c]}'.format(a={'b':1,'c':2})", "'{0[0]}'.format([5])",
        "'{:>5}|{:<5}|{:^5}'.format(1,2,3)", "'{:05d}'.format(42)", "'{:.2f}'.format(3.14159)", "'{:,}'.format(1234567)", "'{:_}'.format(1234567)",
        "'{:x} {:X} {:#x} {:b} {:o} {:c}'.format(255,255,255,5,8,65)", "'{:e} {:g} {:%}'.format(12345.678,0.00001,0.5)",
        "'{!r} {!s} {!a}'.format('é','é','é')", "'{:{}}'.format('a',5)", "'{{}}'.format()", "'{'.format()", "'{}'.format()", "'{0}{}'.format(1,2)",
        "'{:>+8.3f}'.format(2.5)", "'{:*^10}'.format('ab')", "'{:.3}'.format('abcdef')", "'{:d}'.format('a')", "'{:.3}'.format(3.14159)",
        "'{:.3}'.format(314159.0)", "'{:10}'.format(true)", "'{}'.format(none)", "'{:5}'.format(none)", "'{:010,}'.format(1234)", "'{:+}'.format(5)",
        "'{: }'.format(5)", "'{:g}'.format(100000.0)", "'{:g}'.format(1e6)", "'{:n}'.format(5)", "'{x}'.format_map({'x':1})", "'{:s}'.format(1)",
        "'{:.0f}'.format(2.5)", "'{:#.0f}'.format(2.5)", "'{a.__class__}'.format(a=1)", "'{:<05}'.format(3)", "'{:05}'.format('ab')",
    ],
    "percent": [
        "'%s' % 1", "'%s %s' % (1,'a')", "'%(a)s' % {'a':1}", "'%d' % 3.9", "'%5d|%-5d|%05d|%+d' % (1,2,3,4)", "'%.2f' % 2.345", "'%5.1f' % 3.14159",
        "'%e' % 12345.678", "'%g' % 0.0001", "'%g' % 1e10", "'%x %X %o %#x' % (255,255,8,255)", "'%r' % 'a'", "'%c%c' % (65,'b')", "'%%' % ()",
        "'%s' % [1,2]", "'%s' % none", "'%d' % 'a'", "'%s %s' % 1", "'abc' % 1", "'abc' % [1]", "'abc' % {}", "'%s' % undefined_name",
        "'%.3s' % 'abcdef'", "'%10s|' % 'é'", "'%*d' % (5,3)", "'%i %u' % (1,2)", "'%q' % 1", "'%(a)s %(b)d' % {'a':1,'b':2}", "'%(a)s' % {'b':1}",
        "'%s' % ((1,2),)", "'%.3d' % 5", "'% d' % 5", "'%#o' % 8", "'%-5s|' % 'a'", "'%05.1f' % 2.55", "'%x' % 1.5", "'%a' % 'é'", "'%5%' % ()",
    ],
    "default": [
        "none|default('x')", "none|default('x',true)", "undefined_name|default('x')", "undefined_name|default", "''|default('e',boolean=true)",
        "0|d(5,true)", "none|default('',boolean=true)", "undefined_name|default(default_value=3)",
    ],
    "join": [
        "l|join", "l|join(',')", "nested|join(',',attribute='v')", "nested|join('-',attribute='k.z')", "undefined_name|join", "'abc'|join('.')",
        "[none,1]|join(' ')", "l|join(d='+')", "[1,[2]]|join", "d|join(',')", "5|join",
    ],
    "sort": [
        "l|sort", "l|sort(reverse=true)", "l|sort(true)", "['b','A','a','B']|sort", "['b','A','a','B']|sort(case_sensitive=true)",
        "nested|sort(attribute='v')", "nested|sort(attribute='v,k.z')|map(attribute='k.z')|join",
        "nested|sort(attribute='k.z',reverse=true)|map(attribute='v')|list", "[1,'a']|sort", "d|sort", "undefined_name|sort", "['ab','aa']|sort",
        "(3,1)|sort", "'hello'|sort",
    ],
    "dictsort": [
        "d|dictsort", "d|dictsort(true)", "d|dictsort(by='value')", "{'a':2,'b':1}|dictsort(false,'value')", "d|dictsort(reverse=true)",
        "d|dictsort(by='x')", "l|dictsort", "{}|dictsort",
    ],
    "groupby": [
        "nested|groupby('v')", "nested|groupby('v')|map(attribute='grouper')|list", "nested|groupby('v')|map(attribute='list')|map('length')|list",
        "nested|groupby('q',default='z')", "[{'c':'a'},{'c':'A'},{'c':'b'}]|groupby('c')", "[{'c':'a'},{'c':'A'}]|groupby('c',case_sensitive=true)",
        "(nested|groupby('v'))[0].grouper", "(nested|groupby('v'))[0].list|length", "(nested|groupby('v')|first)[1]",
    ],
    "map": [
        "nested|map(attribute='v')|list", "nested|map(attribute='q',default=0)|list", "l|map('string')|list", "['a','b']|map('upper')|join",
        "l|map('nofilter')|list", "l|map|list", "l|map('add',1)|list", "['1','x']|map('int',default=7)|list", "[]|map('nofilter')|list",
        "nested|map('attr','v')|list", "[[1,2],[3]]|map('first')|list", "[[1,2],[3]]|map('join','-')|list", "l|map(attribute='x',foo=1)|list",
        "nested|map(attribute='k.z')|map('upper')|list", "[1,'a']|map('abs')|first",
    ],
    "select and reject": [
        "l|select('odd')|list", "l|reject('odd')|list", "l|select('>',1)|list", "l|select|list", "[0,1,'']|select|list", "[0,1,'']|reject|list",
        "nested|selectattr('v','eq',1)|list|length", "nested|selectattr('v')|list|length",
        "nested|rejectattr('v','equalto',1)|map(attribute='v')|list", "nested|selectattr('q','defined')|list",
        "nested|selectattr('k.z','in',['a','b'])|list|length", "l|select('nope')|list", "nested|selectattr|list",
        "messages|selectattr('role','equalto','user')|list", "messages|selectattr('tool_calls')|list|length",
        "messages|rejectattr('tool_calls','defined')|map(attribute='role')|join(',')", "l|select('divisibleby',3)|list", "l|select('sameas',1)|list",
    ],
    "unique": [
        "[1,1,2,'a','A']|unique|list", "[1,1,2,'a','A']|unique(true)|list", "nested|unique(attribute='v')|map(attribute='k.z')|list",
        "[[1]]|unique|list", "[1,1.0,true]|unique|list",
    ],
    "batch and slice": [
        "range(7)|batch(3)|list", "range(7)|batch(3,'x')|list", "range(7)|slice(3)|list", "range(7)|slice(3,'x')|list", "[]|batch(2)|list",
        "[]|slice(2)|list", "range(3)|batch(0)|list", "range(3)|slice(0)|list", "range(3)|batch(linecount=2,fill_with=0)|list",
    ],
    "first and last": [
        "l|first", "[]|first", "l|last", "[]|last", "s|first", "s|last", "d|first", "d|last", "range(3)|last", "l|map('string')|last",
        "undefined_name|first", "undefined_name|last", "5|first", "d.items()|first", "d.values()|list", "d.items()|last",
    ],
    "length": [
        "l|length", "s|length", "d|count", "5|length", "undefined_name|length", "none|length", "range(4)|length", "d.items()|length",
        "l|map('int')|length", "'é漢😀'|length",
    ],
    "list and items": [
        "l|list", "s|list", "d|list", "undefined_name|list", "5|list", "d.items()|list", "d|items|list", "undefined_name|items|list", "l|items|list",
    ],
    "string": [
        "1|string", "1.0|string", "none|string", "l|string", "s|string", "true|string", "undefined_name|string",
    ],
    "int": [
        "'42'|int", "'42.7'|int", "'x'|int", "'x'|int(5)", "' 7 '|int", "'0x1f'|int(base=16)", "'0x1f'|int(0,16)", "'ff'|int(0,16)", "'1_000'|int",
        "'_1'|int", "none|int", "true|int", "3.9|int", "-3.9|int", "l|int", "'101'|int(base=2)", "'٣'|int", "'1e3'|int", "''|int", "'inf'|int",
        "undefined_name|int", "'+5'|int", "'- 5'|int", "'0b11'|int(base=2)", "'0o7'|int(base=8)", "'010'|int(base=0)", "'0x10'|int(base=0)",
    ],
    "float": [
        "'4.5'|float", "'x'|float", "'x'|float(1.5)", "4|float", "' 1e3 '|float", "'inf'|float", "'nan'|float", "none|float", "'1_0.5'|float",
        "true|float", "l|float", "'-inf'|float", "'.5'|float", "'5.'|float", "'1e400'|float", "'1e-400'|float", "'0x1'|float", "'infinity'|float",
    ],
    "round": [
        "42.55|round", "42.55|round(1)", "42.55|round(1,'floor')", "42.55|round(1,'ceil')", "42|round", "2.5|round", "3.5|round", "-2.5|round",
        "1234|round(-2)", "1250|round(-2)", "1350|round(-2)", "2.675|round(2)", "42.4|round(method='ceil')", "42.4|round(0,'xx')", "'a'|round",
        "true|round", "1234.5|round(-2)", "0.5|round", "1.5|round", "42|round(1,'floor')",
    ],
    "numbers of lists": [
        "-5|abs", "-5.5|abs", "true|abs", "'a'|abs", "none|abs", "l|sum", "[]|sum", "nested|sum('v')", "nested|sum(attribute='v',start=10)",
        "[[1],[2]]|sum(start=[])", "['a']|sum", "[1.5,2]|sum", "l|min", "l|max", "[]|min", "['b','A']|min", "['b','A']|max", "['b','A']|min(true)",
        "nested|max(attribute='v')", "[1,'a']|max", "d|max", "undefined_name|min",
    ],
    "truncate": [
        "'hello world foo'|truncate(9)", "'hello world foo'|truncate(9,true)", "'hello world foo'|truncate(9,false,'…')",
        "'hello world foo'|truncate(11,leeway=0)", "'hello'|truncate(3,leeway=0)", "'hello'|truncate(2)", "l|truncate(10)",
        "'foo bar baz qux'|truncate(9)", "'foo bar baz qux'|truncate(9,True)", "'foo bar baz qux'|truncate(11)",
        "'foo bar baz qux'|truncate(11,False,'...',0)", "'abcdefghijkl'|truncate(5,end='')",
    ],
    "indent": [
        "multi|indent", "multi|indent(2)", "multi|indent(2,true)", "multi|indent(2,true,true)", "multi|indent('> ')",
        "multi|indent(width=1,blank=true)", "''|indent", "5|indent", "'a\\n'|indent", "multi|indent(first=true)", "'x\\n\\n'|indent(2,blank=true)",
    ],
    "words": [
        "'a b  c-d'|wordcount", "'don\\'t'|wordcount", "''|wordcount", "'The quick brown fox-jumped over'|wordwrap(10)",
        "'aaaaaaaaaaaaaaa bb'|wordwrap(5)", "'aaaaaaaaaaaaaaa bb'|wordwrap(5,false)", "'a-b foo-bar-baz qux'|wordwrap(6)",
        "'foo-bar-baz'|wordwrap(5,break_on_hyphens=false)", "'a\\n\\nb c'|wordwrap(1)", "'one two'|wordwrap(3,wrapstring='|')", "'x'|wordwrap(0)",
        "'alpha--beta -- gamma'|wordwrap(7)", "'  lead and  trail  '|wordwrap(8)",
    ],
    "trim and urlencode": [
        "' x '|trim", "'xax'|trim('x')", "none|trim", "5|trim", "'a b'|urlencode", "'a/b?c=é'|urlencode", "{'a':1,'b c':'d&e'}|urlencode",
        "[('a',1)]|urlencode", "5|urlencode", "[1]|urlencode",
    ],
    "html": [
        "html|e", "html|escape", "html|safe", "html|e", "e", "html|forceescape", "(html|e)|forceescape", "html|striptags",
        "'<p>a  <!-- c --> b &amp; &lt;c&gt; &eacute; &#65; &#x42;</p>'|striptags", "5", "e", "none|e", "l", "e", "html|e|upper", "(html|e)~'<'",
        "(html|safe)+'<'", "'<'+(html|safe)", "(html|e)|length", "('<b>%s</b>'|safe) % '<'", "('<b>%s</b>'|safe)|format('<')",
        "('<b>{}</b>'|safe).format('<')", "('<'|safe).join(['<','>'])", "('a<'|safe).replace('a','<')", "(html|e).split('&')", "(html|e) is escaped",
        "html is escaped", "('<'|safe)*2", "('<i>'|safe)[0:2]", "[html|safe]", "(html|safe)|pprint", "(html|safe).unescape()",
        "'&amp;lt;'|safe|striptags",
    ],
    "xmlattr": [
        "{'class':'a','id':none,'x':'<'}|xmlattr", "{'class':'a'}|xmlattr(false)", "{'a b':1}|xmlattr", "{}|xmlattr", "l|xmlattr",
        "{'a':1,'b':undefined_name}|xmlattr", "{1:2}|xmlattr",
    ],
    "format": [
        "'%s-%s'|format(1,2)", "'%(a)s'|format(a=1)", "'%s'|format(1,a=2)", "'%s'|format", "'x'|format",
    ],
    "filesizeformat": [
        "1|filesizeformat", "0|filesizeformat", "999|filesizeformat", "1000|filesizeformat", "1500000|filesizeformat", "1024|filesizeformat(true)",
        "'123456'|filesizeformat", "1e30|filesizeformat", "'x'|filesizeformat", "1048576|filesizeformat(binary=true)",
    ],
    "tojson": [
        "d|tojson", "l|tojson", "s|tojson", "none|tojson", "1.5|tojson", "html|tojson", "u|tojson", "u|tojson(ensure_ascii=true)",
        "'😀'|tojson(true)", "d|tojson(indent=2)", "{}|tojson(indent=2)", "[]|tojson(indent=2)", "[[],{}]|tojson(indent=1)",
        "d|tojson(separators=(',',':'))", "d|tojson(separators=[',',':'],indent=2)", "d|tojson(sort_keys=true)", "{1:2,none:3,true:4,1.5:5}|tojson",
        "{(1,2):3}|tojson", "undefined_name|tojson", "range(3)|tojson", "(1,2)|tojson", "d|tojson(indent='\\t')", "d|tojson(indent=0)",
        "d|tojson(indent=-1)", "messages|tojson", "messages|tojson(indent=4)", "'\\x00\\x1f\\x7f\\u2028\"\\\\/'|tojson", "1e20|tojson",
        "d.items()|tojson", "nested|tojson(indent=none)", "d|tojson(foo=1)", "(html|e)|tojson", "[1,'a']|tojson(indent=true)",
        "{'b':1,1:2}|tojson(sort_keys=true)",
    ],
    "reverse": [
        "s|reverse", "l|reverse|list", "(1,2)|reverse|list", "d|reverse|list", "5|reverse", "l|reverse|join", "undefined_name|reverse|list",
        "l|map('string')|reverse|join", "range(3)|reverse|list", "l|reverse|first",
    ],
    "pprint": [
        "d|pprint", "l|pprint", "s|pprint", "('word '*30)|pprint", "([('abc'*5)]*8)|pprint", "{'k1':'v'*50,'k2':['x'*30]*4,'a':{'n':1}}|pprint",
        "messages|pprint", "none|pprint", "[1]*60|pprint", "(('a'*90,),)|pprint", "('line one is long enough\\n'*6)|pprint",
        "[{'b':1,'a':'y'*80}]|pprint", "range(3)|pprint", "undefined_name|pprint",
    ],
    "attr": [
        "d|attr('items')", "nested[0]|attr('v')", "d|attr('nope')", "s|attr('upper')()", "undefined_name|attr('x')", "s|attr(5)",
        "namespace(a=5)|attr('a')",
    ],
    "unknown": [
        "s|nosuchfilter", "d|safe", "s|upper|lower|title", "s|title is string", "s|replace", "s|center(width=15)", "s|upper(1)",
    ],
    "tests": [
        "n is odd", "n is even", "n is divisibleby 3", "n is divisibleby(2)", "n is defined", "undefined_name is defined",
        "undefined_name is undefined", "none is none", "n is none", "t is boolean", "n is boolean", "t is true", "t is false", "n is integer",
        "x is integer", "x is float", "t is integer", "n is number", "t is number", "s is number", "s is string", "d is mapping", "l is mapping",
        "l is sequence", "s is sequence", "d is sequence", "n is sequence", "undefined_name is sequence", "range(3) is sequence",
        "d.items() is sequence", "l is iterable", "n is iterable", "undefined_name is iterable", "l|map('int') is iterable", "none is sameas none",
        "n is sameas 3", "l is sameas l", "[1] is sameas [1]", "'a' is sameas 'a'", "true is sameas true", "1 is sameas true", "1.0 is sameas 1",
        "s is lower", "'ab' is lower", "'AB' is upper", "'' is lower", "n is upper", "1 is in [1]", "1 is in([1])", "'a' is in 'abc'",
        "5 is not in [1]", "n is eq 3", "n is ==(3)", "n is ne 3", "n is gt 2", "n is ge 3", "n is lt 3", "n is le 3", "n is greaterthan 2",
        "n is lessthan 5", "n is equalto(3)", "range is callable", "s is callable", "s.upper is callable", "undefined_name is callable",
        "namespace is callable", "'upper' is filter", "'nope' is filter", "'odd' is test", "5 is filter", "s is nosuchtest", "s is not string",
        "n is not odd", "n is defined and n is odd", "n is divisibleby 3 and true", "n is odd is even", "s is escaped", "x is odd", "'a' is odd",
        "none is string", "n is in l", "l is in [l]", "n is filter", "n is divisibleby(num=3)", "d is iterable", "d.a is string",
        "n is not none and n > 2", "not n is odd", "n is odd or false", "n is divisibleby n", "[] is sequence", "() is sequence", "'x' is in d",
        "n is sameas n", "2.0 is even", "-1 is odd", "1.5 is divisibleby 0.5",
    ],
    "undefined, attributes, calls, syntax": [
        "self.nope", "self", "cycler()", "lipsum", "raise_exception('boom')", "strftime_now()", "undefined_name['x']", "undefined_name()",
        "undefined_name + 1", "1 + undefined_name", "undefined_name < 1", "-undefined_name", "undefined_name ~ 'a'", "undefined_name[0:1]",
        "l.append(4)", "d.update({'a':1})", "d.pop('a')", "d.get()", "1.5.real", "f(*[1,2])", "f(a=1, a=2)", "f(**{'a':1}, *[2])", "f(a=1, 2)",
        "dict(**{1:2})", "dict(**l)", "'abc", "(1", "1)", "1 2", "a b", "1 ! 2", "n |", "n is", ".5", "1.", "1.e5", "1..2", "a.1.2", "l.-1",
        "'a' 'b'", "'\\u00e9\\x41\\101\\n'", "'\\x4'", "'\\N{DASH}'", "007", "1__0", "0b12", "1e", "{'a' 1}", "{'a':1 'b':2}", "{[1]:2}",
        "{1.0:'a', 1:'b', true:'c'}", "l[1:2, 3]", "d[1,2]", "{(1,2):5}[1,2]", "l[]", "l[1.0:]", "n.x.y", "n[0]", "n()", "'a'()", "-'a'", "+'a'",
        "not", "n if", "n if n else", "n is not defined", "not n is defined", "n is defined is defined", "(n is defined) is defined",
        "n | upper is string", "n.real | string", "n|string|length", "1|string ~ 2", "1 ~ 2|string", "(1 ~ 2)|length", "2 * 3|string", "'a'|upper.x",
        "'a'|upper[0]", "('a'|upper)[0]", "'abc'|first|upper", "'a' in 'abc' in ['x']", "1 < 2 < 3 == true", "1 == 1 in [true]",
        "n in [3] and s in 'Hello World'", "n if n else s if s else 1", "('x' if false) + 1", "[1,2,3]|sum / 2", "10 // 3 * 3 + 10 % 3",
        "(x|nofilter) if false else 1", "x is notest if false else 1", "x|no.filter", "loop.index", "super()", "messages[9].content", "n", "n",
        "{'a':{'b':1}}.a.b",
    ],
}

# Whole templates.
TEMPLATES = {
    "white space": [
        "{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%Y-%m-%d %H:%M:%S.%f %A %B %j %p %I %y %U %w %a %% %Z %z|%-d|%e|%G-%V-%u|%D|%T|%F|%c|%x|%X|%C|%h|%n|%t|%R|%r') }}",
        "{{ l[:] }}{{ l[1:] }}{{ l[:1] }}{{ l[::] }}{{ l[-1:] }}{{ l['a':] }}", "{{ +true }}{{ -true }}{{ -n }}{{ - - n }}",
        "{{ -1|abs }}{{ (-1)|abs }}", "{{ 2 ** 3 ** 2 }}{{ -2 ** 2 }}{{ 2 ** -1 }}",
        "{{ messages[0].content.nope }}|{{ messages[-1]['content'] }}|{{ messages[9] }}", "a {{- n -}} b", "a {{+ n }} b", "a {{ n +}} b",
        "a {{ n -}}", "{%+ if true +%}", "{%+ endif +%}", "{{n}}{{-n-}}{{- n -}}", "{%-if true-%}a{%-endif-%}", "    {{- x }}",
        "    {%- if not loop.last %},{% endif %}", "a {{ n -}}\n\n b", "{%+ if true +%}\nx\n{%+ endif +%}\ny", "{{ n }}\n{{ n }}\n\n",
        "{{ 'multi\nline' }}", "{{\nn\n}}", "\n\n", "\n", "a\u2003{%- if true -%}\u2003b{% endif %}", "{{ n }}\n", "{{ n }}\n\n",
        "{%\nif true\n%}a{%\nendif\n%}", "  {{ n }}\n  {{- n }}",
    ],
    "others": [
        "{{ strftime_now('é %d') }}{{ strftime_now('') }}{{ strftime_now('abc%') }}",
        "{{ strftime_now is defined }}{{ raise_exception is defined }}{{ range is defined }}", "{{ undefined_name }}{{ undefined_name.x }}",
        "{{ d.zz }}{{ d.zz.y }}", "{{ d.zz is defined }}{{ d['zz'] is defined }}{{ (d.zz).y is defined }}",
        "{{ undefined_name == undefined_other }}{{ undefined_name == none }}{{ undefined_name != 1 }}{{ not undefined_name }}",
        "{{ [undefined_name] }}{{ {'a': undefined_name} }}", "{{ l[undefined_name] }}{{ d[undefined_name] }}",
        "{{ undefined_name in l }}{{ undefined_name in 'abc' }}", "{{ l.append is defined }}{{ l.append }}", "{{ l.sort() }}{{ l.copy() }}",
        "{{ l.index(1) }}{{ l.count(1) }}{{ l.index(9) }}", "{{ (1,2,1).count(1) }}{{ (1,2).index(2) }}",
        "{{ d.get('a') }}{{ d.get('zz') }}{{ d.get('zz', 5) }}{{ d.keys() }}{{ d.values() }}{{ d.items()|list }}",
        "{{ d.copy() }}{{ d.fromkeys([1]) }}", "{{ ''.__class__ }}|{{ ''.__class__.__mro__ }}", "{{ d.__class__ }}{{ l.__len__ }}{{ d._x }}",
        "{{ (5).real }}{{ (5).bit_length() }}{{ 2.5.is_integer() }}{{ 2.0.is_integer() }}{{ true.real }}{{ (7).numerator }}",
        "{{ dict(**{'a':1}) }}{{ dict(a=1, **{'b':2}) }}{{ dict(a=1, **{'a':2}) }}", "{{ n }", "{{ n }}}", "{{ n", "{{ [1}}", "{{ }}",
        "{{ 0 }}{{ 00 }}", "{{ \"a'b\" }}{{ 'a\"b' }}", "{{ {'a':1}['a'] }}{{ {} }}", "{{ {(1,2):3} }}{{ {(1,[2]):3} }}",
        "{{ l[none:none] }}{{ l[true:] }}", "{{ n not in [1,2] }}{{ not n in [1,2] }}", "{{ 'x' if false }}|{{ ('x' if false) is defined }}",
        "{{ true and n }}{{ none or false }}{{ [] or {} }}", "{{ caller }}{{ kwargs }}{{ varargs }}{{ loop }}{{ self is defined }}",
        "{{ '{{' }}{{ '%}' }}{{ \"}}\" }}", "{{ 'multi", "b{% endfilter %}", " b", "c", "b", "{% break %}", "{% print 1, 'a' %}", "{% print %}",
        "{% do x %}", "{% trans %}a{% endtrans %}", "{% debug %}", "{% nosuch %}", " b", "a", "  b", "  {% endif %}", "c", " b", "x", "y", "b", "y",
        "y", "b", "{%if true%}a{%endif%}", "#} }} %}", "a{", "{", "line' }}", "{{", "n", "}}", "1,", "2", "] %}{{ x }}", "  {{ x }}", "",
    ],
    "loops": [
        "{% for x in l %}{{ x }}{% endfor %}",
        "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }}{{ loop.previtem }}{{ loop.nextitem }}|{% endfor %}",
        "{% for x in [] %}a{% else %}b{% endfor %}", "{% for x in l %}{% continue %}{% else %}b{% endfor %}",
        "{% for x in l %}{% break %}{% else %}b{% endfor %}", "{% for x in l %}{{ x }}{% if loop.index == 2 %}{% break %}{% endif %}{% endfor %}",
        "{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
        "{% for x in l if x > 1 %}{{ loop.last }}{{ loop.nextitem }}{% else %}none{% endfor %}",
        "{% for k, v in d.items() %}{{ k }}={{ v }},{% endfor %}", "{% for k, (a, b) in [(1,(2,3)),(4,(5,6))] %}{{ k }}{{ a }}{{ b }}{% endfor %}",
        "{% for (k, v) in d|items %}{{ k }}{% endfor %}", "{% for k, v in [1] %}{{ k }}{% endfor %}",
        "{% for k, v in [(1,2,3)] %}{{ k }}{% endfor %}", "{% for k, in [(1,)] %}{{ k }}{% endfor %}",
        "{% for a, b in ['xy','zw'] %}{{ a }}{{ b }}{% endfor %}", "{% for x in undefined_name %}a{% else %}b{% endfor %}",
        "{% for x in 5 %}a{% endfor %}", "{% for x in none %}a{% endfor %}", "{% for x in 'abc' %}{{ x }}{{ loop.cycle('o','e') }}{% endfor %}",
        "{% for x in 'abc' %}{{ loop.cycle() }}{% endfor %}", "{% for x in [1,1,2,2,1] %}{% if loop.changed(x) %}{{ x }}{% endif %}{% endfor %}",
        "{% for x in [1,1,2] %}{{ loop.changed(x, 1) }}{% endfor %}",
        "{% for x in [[1,[2,[3]]]] recursive %}{{ loop.depth }}{% if x is sequence %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
        "{% for x in [{'n':'a','c':[{'n':'b','c':[]},{'n':'d','c':[{'n':'e','c':[]}]}]}] recursive %}<{{ x.n }}{{ loop.depth0 }}{{ loop(x.c) }}>{% else %}-{% endfor %}",
        "{% for x in l %}{{ loop(l) }}{% endfor %}", "{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
        "{% for x in l %}{% set outer = loop %}{% for y in [1,2] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
        "{% for x in l %}{% set q = x %}{% endfor %}{{ q }}", "{% set q = 0 %}{% for x in l %}{% set q = q + x %}{{ q }}{% endfor %}{{ q }}",
        "{% set ns = namespace(q=0) %}{% for x in l %}{% set ns.q = ns.q + x %}{% endfor %}{{ ns.q }}", "{% for x in l %}{{ x }}{% endfor %}{{ x }}",
        "{% for n in l %}{{ n }}{% endfor %}{{ n }}", "{% for x in l %}{% else %}{% break %}{% endfor %}",
        "{% for y in l %}{% for x in [] %}{% else %}{% break %}{% endfor %}{{ y }}{% endfor %}", "{% endfor %}", "{% for %}",
        "{% for x %}{% endfor %}", "{% for x in l %}", "{% for x in l: %}{{ x }}{% endfor %}", "{% for loop in l %}{% endfor %}",
        "{% for x in l %}{% set loop = 1 %}{% endfor %}", "{% for x in l if loop.index %}{{ x }}{% endfor %}",
        "{% for x in (1,2) %}{{ x }}{% endfor %}{% for x in 1,2 %}{{ x }}{% endfor %}", "{% for x in l if x is odd or x == 2 %}{{ x }}{% endfor %}",
        "{% for x in l recursive %}{{ x }}{% endfor %}",
        "{% set ns = namespace(f=false) %}{% for x in l if not ns.f %}{% set ns.f = true %}{{ x }}{% endfor %}",
        "{% set it = l|map('string') %}{% for x in it %}{{ x }}{% endfor %}{% for x in it %}{{ x }}{% endfor %}{{ it|list }}",
        "{% set j = joiner('|') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}",
        "{% if false %}{% for a in l %}{{ x|nofilter }}{% endfor %}{% endif %}ok", "{% for x in l %}{{ loop }}{% endfor %}",
        "{% for x in l %}{{ loop|length }}{% endfor %}", "{% for x in l %}{{ loop['index'] }}{{ loop.nope }}{{ loop._length }}{% endfor %}",
        "{% for x in l|map('string') %}{{ loop.index }}{{ loop.length }}{{ loop.last }}{% endfor %}",
        "{% for x in l|map('string') %}{{ loop.last }}{{ loop.nextitem }}{{ loop.length }}{{ loop.revindex }}{% endfor %}",
        "{% for x in d %}{{ x }}{% endfor %}{% for x in d.values() %}{{ x }}{% endfor %}",
        "{% for x in range(3) %}{{ x }}{% endfor %}{% for x in range(3)|reverse %}{{ x }}{% endfor %}",
        "{% for x in s|list|unique|sort|reverse %}{{ x }}{% endfor %}",
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content|trim }}{% elif m['role'] == 'assistant' %}{{ m.tool_calls[0].function.arguments|tojson }}{% endif %}{% endfor %}",
        "{% for m in messages %}{{ m }}{% endfor %}", "{% for m in messages %}{{ m.items()|list|length }}{{ m.keys()|join }}{% endfor %}",
        "{% set names = {'a':'x'} %}{% for k, v in names.items() %}{{ k ~ v }}{% endfor %}",
        "{% for i in range(3) %}{% if i == 1 %}{% set q = 'x' %}{% endif %}{{ q }}{% endfor %}",
        "{% for i in range(2) %}{% for j in range(2) %}{% set q = j %}{% endfor %}{{ q }}{% endfor %}",
        "{% set q = 1 %}{% for i in range(2) %}{% if i == 0 %}{% set q = 2 %}{% endif %}{{ q }}{% endfor %}{{ q }}", "{% for x in l -%}",
        "{%- endfor %}", "{%- for x in l %}", "{%- endfor %}", "{% for x in l -%}\n  {{ x }}\n{%- endfor %}",
        "{%- for x in l %}\n    {{- x }}\n    {%- if not loop.last %},{% endif %}\n{%- endfor %}\n",
        "{% for i in range(3) %}\n{{ i }}\n{% endfor %}\n",
    ],
    "assignments": [
        "{% if n %}{% set n = 5 %}{% endif %}{{ n }}", "{% if false %}{% set n = 5 %}{% endif %}{{ n }}",
        "{% if false %}{% set zz = 5 %}{% endif %}{{ zz }}", "{% if false %}{% set zz = 5 %}{% else %}{% set zz = 6 %}{% endif %}{{ zz }}",
        "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = 'xy' %}{{ a }}{{ b }}", "{% set (a, b) = [1,2] %}{{ a }}{{ b }}", "{% set a, b = 1 %}",
        "{% set a = 1, 2 %}{{ a }}", "{% set a, = [1] %}{{ a }}", "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}",
        "{% set d.x = 1 %}", "{% set q.x = 1 %}", "{% set ns = namespace() %}{% set ns._x = 1 %}", "{% set true = 1 %}",
        "{% set x %}a{{ n }}b{% endset %}{{ x }}", "{% set x | upper %}a{{ n }}b{% endset %}{{ x }}",
        "{% set x | upper | replace('A','z') %}a{{ n }}b{% endset %}{{ x }}", "{% set x | length %}abc{% endset %}{{ x + 1 }}",
        "{% set n %}[{{ n }}]{% endset %}{{ n }}", "{% set zq %}[{{ zq }}]{% endset %}{{ zq }}",
        "{% set ns = namespace() %}{% set ns.t %}abc{% endset %}{{ ns.t }}", "{% set %}", "{% set 5 = 1 %}", "{% set [a] = 1 %}",
        "{% set a.b.c = 1 %}", "{% set it = l|select('odd') %}{{ it|first }}{{ it|first }}{{ it|list }}",
        "{% set c = cycler('a','b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}",
        "{% set j = joiner() %}{{ j() }}a{{ j() }}b", "{% set zz = zz %}{{ zz }}", "{% set n = n + 1 %}{{ n }}",
        "{% set x = [1,2] %}{% set y = x %}{{ x is sameas y }}{{ x == y }}",
        "{% set ns = namespace(a=1) %}{{ ns }}{{ ns.a }}{{ ns.b }}{{ ns['a'] }}{{ ns == ns }}",
        "{% set ns = namespace() %}{% set ns.l = [1] %}{% set ns.l = ns.l + [2] %}{{ ns.l }}",
        "{% set ns = namespace() %}{% set ns.ns = ns %}{{ ns.ns.ns is sameas ns }}", "{% set a = 1 %}{% set b = a %}{% set a = 2 %}{{ a }}{{ b }}",
        "{% set x = 'a' -%}  b  {%- set y = 1 %}  c", "  {%+ set x = 1 %} b", "  {%- set x = 1 +%}", "{% set x = [",
        "{% set x = [\n1,\n2\n] %}{{ x }}", "  {%- set x = 1 +%}\n b", "{% set a %}\n x\n{% endset %}\n[{{ a }}]",
    ],
    "conditions": [
        "{% if n == 1 %}a{% elif n == 3 %}b{% else %}c{% endif %}", "{% if n == 1 %}a{% elif n == 2 %}b{% elif n == 4 %}d{% endif %}x",
        "{% if true %}{% continue %}{% endif %}", "{% if %}a{% endif %}", "{% if true %}", "{% if n: %}a{% endif %}", "{% if n",
        "{% if l|length > 2 and d %}y{% endif %}", "{% if nosuch|nofilter %}{% endif %}", "{% if false %}{{ x|nofilter }}{% endif %}ok",
        "{% if true %}{{ x|nofilter }}{% endif %}ok", "  {% if true %}", "{% if true %}a{% endif %}", "a\n  {% if true %}\n  b\n  {% endif %}\nc\n",
        "{% if true %}a{% endif %}\n\nb", "a\r\nb\rc\n{% if true %}\r\nd{% endif %}\r\n", "a\n\t {% if true %} \n\tb\n \u00a0{% endif %}\nc",
        "{% if true %}\n\n\n{% endif %}x", "x\x0b\n {% if true %}y{% endif %}",
    ],
    "with": [
        "{% with a = 1 %}{{ a }}{% endwith %}{{ a }}", "{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}",
        "{% with n = n + 1 %}{{ n }}{% endwith %}{{ n }}", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}",
        "{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}",
    ],
    "macros and call blocks": [
        "{% macro f(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, 3) }}|{{ f(c=5, a=1) }}|{{ f() }}",
        "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
        "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, b=2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}",
        "{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}", "{% macro f(a, b=n) %}{{ b }}{% endmacro %}{{ f(1) }}",
        "{% macro f() %}{{ n }}{{ zz }}{% endmacro %}{% set zz = 5 %}{{ f() }}",
        "{% set zz = 5 %}{% macro f() %}{{ zz }}{% set zz = 6 %}{{ zz }}{% endmacro %}{{ f() }}{{ zz }}",
        "{% for x in l %}{% macro f() %}{{ x }}{% endmacro %}{{ f() }}{% endfor %}",
        "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}",
        "{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}hi{{ n }}{% endcall %}",
        "{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) f() %}{{ a }}-{{ b }}{% endcall %}",
        "{% macro f() %}{{ caller(b=2) }}{% endmacro %}{% call(a='d', b=1) f() %}{{ a }}-{{ b }}{% endcall %}",
        "{% macro f() %}x{% endmacro %}{% call f() %}hi{% endcall %}", "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}",
        "{% macro f(caller) %}{{ caller() }}{% endmacro %}{% call f() %}hi{% endcall %}",
        "{% macro f(caller=none) %}{{ caller() if caller }}{% endmacro %}{% call f() %}hi{% endcall %}{{ f() }}",
        "{% macro f(x) %}{{ x }}{% endmacro %}{{ f.name }}{{ f.arguments }}{{ f.catch_kwargs }}{{ f.catch_varargs }}{{ f.caller }}{{ f }}",
        "{% macro f(x, y) %}{{ x }}{{ y is defined }}{% endmacro %}{{ f(1) }}", "{% macro f(x) %}{{ x.y }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{% for x in l %}{{ loop.index }}{% endfor %}{% endmacro %}{{ f() }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}",
        "{% macro f(x) %}{{ x }}{% endmacro %}{{ [1,2]|map('string')|map('upper')|join(f('-')) }}", "{% macro f(*a) %}{% endmacro %}",
        "{% macro f(a=1, b) %}{% endmacro %}", "{% macro f(a, a) %}{% endmacro %}", "{% macro f %}{% endmacro %}", "{% call f %}{% endcall %}",
        "{% call 5 %}{% endcall %}", "{% call range(3) %}{% endcall %}", "{% for x in l %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}",
        "{% autoescape true %}{% macro f(a) %}<{{ a }}>{% endmacro %}{{ f('<') }}{% endautoescape %}",
        "{% macro f(a,b,c=3) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(*[1,2]) }}{{ f(**{'a':1,'b':2}) }}{{ f(1, *[2], c=5) }}{{ f(*[1], **{'b':2}) }}",
        "{% macro f() %}{% set q = 5 %}{% endmacro %}{{ f() }}{{ q }}",
        "{% with q = 1 %}{% macro f() %}{{ q }}{% endmacro %}{{ f() }}{% endwith %}{{ f is defined }}",
    ],
    "filter blocks": [
        "{% filter upper %}ab{{ n }}{% endfilter %}", "{% filter upper | replace('A', 'x') %}ab{% endfilter %}",
        "{% filter length %}ab{% endfilter %}", "{% filter indent(2) %}a",
        "{% for x in l %}{% filter upper %}a{% if x == 1 %}{% break %}{% endif %}{% endfilter %}{% endfor %}", "{% filter nosuch %}a{% endfilter %}",
        "{% filter indent(2) %}a\nb{% endfilter %}",
    ],
    "raw and comments": [
        "{% raw %}{{ x }} {% y %} {# z #}{% endraw %}", "{%- raw -%}  {{ x }}  {%- endraw -%}  b", "a {% raw %}", "{% endraw %}", "{% raw %}",
        "{# comment #}a{#- x -#}  b", "a {#- x #} b", "  {# lstrip #}", "{# a +#}", "x{# a #}", "  {# a -#}   ",
        "{ { n } } {n} {% raw %}{%{% endraw %}", "{#", "{# unclosed", "{% raw %} unclosed", "a {% raw %}\n b\n{% endraw %}\nc", "  {# lstrip #}\nb",
        "{# a +#}\nb", "x{# a #}\ny", "  {# a -#}   \ny", "x  {% raw %}\n{{ a }}\n  {% endraw %}\n  y", "x\n  {%- raw +%}a{% endraw +%}\n b",
        "{% raw -%}  a {%- endraw %}\n\nb", "a\n{#- c -#}\nb",
    ],
    "generation": [
        "{% generation %}a{{ n }}{% set q = 1 %}{% endgeneration %}{{ q }}",
        "{% for x in l %}{% generation %}{{ x }}{{ loop.index }}{% endgeneration %}{% endfor %}",
        "{% for x in l %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
    ],
    "other templates": [
        "{% include 'x' %}", "{% if false %}{% include 'x' %}{% endif %}ok", "{% include 'x' ignore missing %}", "{% import 'x' as y %}",
        "{% from 'x' import y as z, w with context %}", "{% extends 'x' %}", "{% if false %}{% extends 'x' %}{% endif %}ok",
        "{% for a in l %}{% extends 'x' %}{% endfor %}", "{% if false %}{% import 'x' as y %}{% endif %}{{ y }}",
    ],
    "blocks": [
        "{% block a %}x{{ n }}{% endblock %}{{ self.a() }}", "{% block a %}x{% endblock a %}", "{% block a %}x{% endblock b %}",
        "{% for x in l %}{% block a %}{{ x }}{% endblock %}{% endfor %}",
        "{% for x in l %}{% block a scoped %}{{ x }}{{ loop.index }}{% endblock %}{% endfor %}",
        "{% set zz = 5 %}{% block a %}{{ zz }}{% set zz = 6 %}{% endblock %}{{ zz }}", "{% block a %}{% endblock %}{% block a %}{% endblock %}",
        "{% block a %}{{ super() }}{% endblock %}", "{% block a required %}{% endblock %}", "{% block a-b %}{% endblock %}",
    ],
    "autoescape": [
        "{% autoescape true %}{{ html }}{{ html|safe }}{{ html|e }}{{ '<' ~ n }}{% endautoescape %}{{ html }}",
        "{% autoescape true %}{% set x %}<{{ html }}{% endset %}{{ x }}{% endautoescape %}",
        "{% autoescape true %}{{ [html, 'a']|join('<') }}{{ [html|safe, 'a<']|join('<') }}{{ html|replace('<','>') }}{{ {'a':html}|xmlattr }}{{ html|upper }}{{ l }}{{ html|tojson }}{% endautoescape %}",
        "{% autoescape false %}{{ html }}{% endautoescape %}", "{% autoescape n %}{{ html }}{% endautoescape %}",
    ],
}

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Tells the weather; <b>\"now\"</b> & here, naïve.",
            "parameters": {
                "type": "object",
                "properties": {
                    "place": {"type": "string", "description": " Where. "},
                    "days": {"type": "array", "items": {"type": "integer"}},
                    "units": {"type": ["string", "number"]},
                    "more": {"type": "object", "additionalProperties": {"type": "boolean"}},
                },
                "required": ["place"],
            },
            "return": {"type": "object"},
        },
    },
    {"type": "function", "function": {"name": "nothing", "description": "", "parameters": {"type": "object", "properties": {}}}},
]
CALL = {"type": "function", "id": "abcdefghi", "function": {"name": "weather", "arguments": {"place": "Køln", "days": [1, 2.0, None]}}}


def message(role: str, content, **more) -> dict:
    return {"role": role, "content": content, **more}


CONVERSATIONS = [
    [message("user", "Hello")],
    [message("system", " Be brief. /no_think"), message("user", "  Hi\u00a0 \n")],
    [message("user", "One"), message("assistant", "<think>\nhm\n</think>\n\nTwo"), message("user", "Three '\"\\ {{ x }} ünï 👩‍👩‍👧")],
    [message("user", "q"), message("assistant", "answer", reasoning_content="because"), message("user", "and"), message("assistant", "so")],
    [message("user", "w?"), message("assistant", "", tool_calls=[CALL]), message("tool", "12 °C", tool_call_id="abcdefghi"), message("assistant", "Cold.")],
    [message("user", "w?"), message("assistant", None, tool_calls=[CALL]), message("tool", "{}", tool_call_id="abcdefghi")],
    [message("system", [{"type": "text", "text": "S"}]), message("user", [{"type": "text", "text": " a "}, {"type": "image"}, {"type": "text", "text": "b"}])],
    [message("user", "a"), message("user", "b")],
    [message("assistant", "first")],
    [message("tool", "alone", tool_call_id="1")],
    [],
]
SETTINGS = [
    {},
    {"tools": TOOLS},
    {"add_generation_prompt": False},
    {"enable_thinking": False},
    {"documents": [{"title": "T", "text": "x\ny"}, {"text": "z"}], "controls": {"citations": True}},
    {"tools": TOOLS, "builtin_tools": ["weather", "code_interpreter"], "date_string": "1 May 2025"},
]


class Today(datetime):
    """The day that every run of ours has."""

    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, tzinfo=tz)


def rendered(template: str, variables: dict):
    try:
        return chat_template_utils._compile_jinja_template(template).render(**variables)
    except Exception:  # noqa: BLE001: whatever jinja2, or the template, raises
        return None


def cases():
    for feature, expressions in EXPRESSIONS.items():
        for expression in expressions:
            yield feature, "{{ " + expression + " }}", VARIABLES
    for feature, templates in TEMPLATES.items():
        for template in templates:
            yield feature, template, VARIABLES
    for name, template in FAMILIES.items():
        for conversation in CONVERSATIONS:
            for setting in SETTINGS:
                base = {"messages": conversation, "tools": None, "documents": None, "add_generation_prompt": True}
                yield name, template, {**base, "bos_token": "<s>", "eos_token": "</s>", **setting}


def main() -> None:
    chat_template_utils.datetime = Today
    out = []
    for feature, template, variables in cases():
        expected = rendered(template, variables)
        if expected is not None and re.search("0x[0-9a-f]{6}", expected):
            expected = None  # An address, which we do not print.
        out.append({"feature": feature, "template": template, "variables": variables, "expected": expected})
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    (Path(sys.argv[1]) / "jinja.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main()
