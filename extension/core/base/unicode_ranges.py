#!/usr/bin/env python3
"""Writes unicode_ranges.inc: what every character is to core/base/unicode.cpp.

usage: unicode_ranges.py [FOLDER of the Unicode Character Database] >unicode_ranges.inc

The folder is what Debian's package unicode-data brings. The table is checked in: what an address
may be must not depend on the machine that builds, and a build needs no more packages.
"""
import gzip
import os
import re
import sys

folder = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode"


def lines(name):
    path = os.path.join(folder, name)
    opened = open(path, encoding="utf-8") if os.path.exists(path) else gzip.open(path + ".gz", "rt", encoding="utf-8")
    with opened as file:
        return file.readlines()


def having(name, wanted):
    """The characters that a file of ranges says a property of."""
    found = set()
    for line in lines(name):
        match = re.match(r"([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*(\w+)", line)
        if match and match[3] == wanted:
            found.update(range(int(match[1], 16), int(match[2] or match[1], 16) + 1))
    return found


category, names, first = {}, {}, 0
for line in lines("UnicodeData.txt"):
    code, name, gc = line.split(";")[:3]
    code = int(code, 16)
    if name.endswith(", First>"):
        first = code
    for c in range(first if name.endswith(", Last>") else code, code + 1):
        category[c], names[c] = gc, name

space = having("PropList.txt", "White_Space")
ignorable = having("DerivedCoreProperties.txt", "Default_Ignorable_Code_Point")
folded = having("DerivedNormalizationProps.txt", "Changes_When_NFKC_Casefolded")
# Drawn as nothing, and no property says so: the braille pattern without dots, the hieroglyphs that
# fill a place, a note without a head.
blank = {c for c, name in names.items()
         if re.search(r"BRAILLE PATTERN BLANK|HIEROGLYPH .*BLANK|NULL NOTEHEAD|SCRIPT FILLER|OBJECT REPLACEMENT", name)}
# RFC 5892, 2.6: exceptions from the rules that domain names follow otherwise
valid = {0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007, 0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB}
invalid = {0x640, 0x7FA, 0x302E, 0x302F, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303B}


def kind_of(c):
    gc = category.get(c, "Cn")
    if gc == "Cc":
        return "control"
    if c in space:
        return "space"
    if c in ignorable or c in blank or gc == "Cf":
        return "invisible"
    if gc in ("Cn", "Co", "Cs"):
        return "unassigned"
    if c in valid:
        return "letter"
    if c in invalid or c in folded or gc == "Nl":
        return "other_mark" if gc[0] == "M" else "other_letter" if gc[0] in "LN" else "symbol"
    if gc[0] == "M":
        return "mark"
    return "letter" if gc[0] == "L" or gc == "Nd" else "symbol"


LETTERS = {"control": "C", "space": "Z", "invisible": "I", "unassigned": "U", "mark": "M", "other_mark": "N",
           "letter": "L", "other_letter": "O", "symbol": "S"}
ranges = []
for c in range(0x80, 0x110000):
    kind = kind_of(c)
    if ranges and ranges[-1][1] == kind:
        continue
    ranges.append((c, kind))

version = re.search(r"-(\d+\.\d+\.\d+)\.txt", lines("DerivedCoreProperties.txt")[0])[1]
print(f"// Written by unicode_ranges.py from the Unicode Character Database {version}: each character from the\n"
      "// one given up to the next is of that kind.")
row = ""
for first, kind in ranges:
    item = f"{{0x{first:x}, {LETTERS[kind]}}}, "
    if len(row) + len(item) > 100:
        print(row.rstrip())
        row = ""
    row += item
print(row.rstrip())
