// Names of files as GNU's programs quote them in messages: so that a shell takes them as they stand.

/** A name with one of these is quoted, the others are left alone. */
const SPECIAL = /^$|^[#~]|^[{}]$|[ !"$&'()*:;<=>?[\\^`|\p{Cc}]/u;

/** What may stand between double quotes, which are taken only where there are single ones inside. */
const PLAIN = /^[#~]?[\w%+,\-./:@\] '\P{ASCII}]*$/u;

const CONTROL = /\p{Cc}/u;

const ESCAPES = new Map([
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
]);

/** A name, quoted if it must be: `name`, `'a name'`, `"it's"`, `'a'$'\n''name'`. */
export function quote(name: string): string {
  if (!SPECIAL.test(name)) return name;
  if (name.includes("'") && PLAIN.test(name)) return `"${name}"`;
  let quoted = "'";
  let escaping = false; // within $'...'
  for (const character of name) {
    if (CONTROL.test(character)) {
      quoted += `${escaping ? "" : "'$'"}${escape(character)}`;
      escaping = true;
    } else if (character === "'") {
      quoted += "'\\''";
      escaping = false;
    } else {
      quoted += `${escaping ? "''" : ""}${character}`;
      escaping = false;
    }
  }
  return `${quoted}'`;
}

function escape(control: string): string {
  const known = ESCAPES.get(control);
  if (known !== undefined) return known;
  const bytes = Array.from(new TextEncoder().encode(control));
  return bytes.map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}
