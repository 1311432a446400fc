"""What valgrind found below a folder of its XML logs, in the given libraries: each error once, with its stack.

usage: valgrind_errors.py FOLDER LIBRARY..; an error is a library's when it is on one of the error's stacks
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as xml

folder, *libraries = sys.argv[1:]


def place(frame):
    at = f"{frame.findtext('file')}:{frame.findtext('line')}" if frame.find(
        "file") is not None else frame.findtext("obj")
    return f"    {frame.findtext('fn') or '?'} ({at})"


found = {}
for log in sorted(pathlib.Path(folder).glob("*.xml")):
    # a process that was killed leaves its document open, so errors are read one by one
    for text in re.findall(r"<error>.*?</error>", log.read_text(errors="replace"), re.DOTALL):
        error = xml.fromstring(text)
        if not any(obj.text in libraries for obj in error.iter("obj")):
            continue
        lines = [f"{error.findtext('kind')}: {error.findtext('what') or error.findtext('xwhat/text')}"]
        for part in error:
            if part.tag == "auxwhat":
                lines.append(f"  {part.text}")
            elif part.tag == "stack":
                lines += [place(frame) for frame in part.iter("frame")]
        same = "\n".join([lines[0].split(":")[0]] + lines[1:])
        found.setdefault(same, [lines, 0])[1] += 1
for lines, count in found.values():
    print("\n".join(lines) + f"\n  in {count} processes")
